import { unwatchFile, watchFile } from "node:fs";
import { ConfigError, compileFile, generatedBase, writeBase } from "../scripts/compile-config.ts";

const POLL_MS = 500;

/**
 * Compiles the configuration again whenever its file changes, into the source that `wrangler dev` watches. A wrong one is reported and the last
 * good one stays. Returns what ends it.
 */
export function watchConfig(file: string, notice: (line: string) => void): () => void {
  // By polling: editors replace files, and a watch on the file itself would stay with the old one.
  watchFile(file, { interval: POLL_MS }, () => {
    try {
      writeBase(compileFile(file), generatedBase);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      notice(error.message);
    }
  });
  return () => unwatchFile(file);
}
