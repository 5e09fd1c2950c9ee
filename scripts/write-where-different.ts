import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a generated file whole, and only where its text differs: a watcher that runs the generator on every change then comes to rest. */
export function writeWhereDifferent(target: string, text: string): void {
  try {
    if (readFileSync(target, "utf8") === text) return;
  } catch {
    mkdirSync(dirname(target), { recursive: true });
  }
  const draft = `${target}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, target);
}
