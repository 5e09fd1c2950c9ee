import type { Path } from "./yaml-source.ts";

export interface Finding {
  readonly path: Path;
  readonly reason: string;
}
