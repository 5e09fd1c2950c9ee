import { writeFileSync } from "node:fs";
import { compatibilityDocument } from "../test/support/compatibility.ts";

/** Writes docs/compatibility.md anew. */
writeFileSync(new URL("../docs/compatibility.md", import.meta.url), compatibilityDocument());
