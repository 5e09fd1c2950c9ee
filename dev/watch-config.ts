import { unwatchFile, watchFile } from "node:fs";
import { ConfigError, compileFile, writeBase } from "../scripts/compile-config.ts";

const POLL_MS = 500;

/**
 * Compiles the configuration again whenever its file changes, into `base`, which `wrangler dev` watches. A wrong one is reported and the last
 * good one stays. Returns what ends it.
 */
export function watchConfig(file: string, base: string, notice: (line: string) => void): () => void {
  let isWrong = false;
  // By polling: editors replace files, and a watch on the file itself would stay with the old one.
  watchFile(file, { interval: POLL_MS }, () => {
    try {
      writeBase(compileFile(file), base);
      if (isWrong) notice("the configuration is right again, and in force");
      isWrong = false;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      notice(`${error.message}\nthe configuration from before stays in force`);
      isWrong = true;
    }
  });
  return () => unwatchFile(file);
}
