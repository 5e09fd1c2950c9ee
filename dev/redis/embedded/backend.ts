import { join } from "node:path";
import type { Command, ErrorReply, RedisBackend, Reply } from "../protocol.ts";
import { Engine } from "./engine.ts";
import { readSnapshot, writeSnapshot } from "./snapshot.ts";
import { Store } from "./store.ts";

const SNAPSHOT_INTERVAL_MS = 3_000;

/** The embedded store as a backend: replies at once, saves in the background. */
class EmbeddedBackend implements RedisBackend {
  readonly form = "embedded";
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #snapshotPath: string | undefined;
  readonly #timer: NodeJS.Timeout;
  #savedChanges = 0;

  constructor(store: Store, snapshotPath: string | undefined) {
    this.#store = store;
    this.#engine = new Engine(store, Date.now);
    this.#snapshotPath = snapshotPath;
    this.#timer = setInterval(() => this.#tidy(), SNAPSHOT_INTERVAL_MS);
    this.#timer.unref();
  }

  execute(commands: readonly Command[]): readonly Reply[] {
    return commands.map((command) => this.#engine.run(command));
  }

  transaction(commands: readonly Command[]): readonly Reply[] | ErrorReply {
    return this.#engine.transaction(commands);
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    this.#save();
    return Promise.resolve();
  }

  #tidy(): void {
    this.#store.nowMs = Date.now();
    this.#store.removeExpired();
    try {
      this.#save();
    } catch (error) {
      // A full disk must not end the store; the next interval tries again, and close() reports what stays wrong.
      process.stderr.write(`redis: the snapshot cannot be written (${String(error)})\n`);
    }
  }

  #save(): void {
    if (this.#snapshotPath === undefined || this.#savedChanges === this.#engine.changes) return;
    writeSnapshot(this.#store, this.#snapshotPath);
    this.#savedChanges = this.#engine.changes;
  }
}

/** Opens the embedded store with what was last saved in the folder; without a folder it is empty and nothing is kept. */
export function openEmbedded(dataDir: string | undefined): Promise<RedisBackend> {
  const store = new Store();
  const path = dataDir === undefined ? undefined : join(dataDir, "snapshot.json");
  if (path !== undefined) readSnapshot(store, path);
  return Promise.resolve(new EmbeddedBackend(store, path));
}
