import { spawn } from "node:child_process";
import { join } from "node:path";
import type { LoadOrder, LoadReport } from "./load.ts";

/** Has one order carried out by a load generator in a process of its own. */
export function load(order: LoadOrder): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "load.ts"), JSON.stringify(order)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.on("exit", () => {
      try {
        resolve(JSON.parse(text) as LoadReport);
      } catch {
        reject(new Error("the load generator ended without a report"));
      }
    });
  });
}
