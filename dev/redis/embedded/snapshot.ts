import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import * as z from "zod";
import { StartError } from "../protocol.ts";
import { SortedSet } from "./sorted-set.ts";
import type { Entry, Store } from "./store.ts";
import { Stream } from "./stream.ts";

/*
 * The snapshot is one JSON file: byte strings with one character a byte, scores as text because JSON has no infinity.
 */

const streamIdSchema = z.object({ ms: z.number(), sequence: z.number() });
const valueSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("string"), value: z.string() }),
  z.object({ type: z.literal("hash"), value: z.array(z.tuple([z.string(), z.string()])) }),
  z.object({ type: z.literal("list"), value: z.array(z.string()) }),
  z.object({ type: z.literal("set"), value: z.array(z.string()) }),
  z.object({ type: z.literal("zset"), value: z.array(z.tuple([z.string(), z.string()])) }),
  z.object({
    type: z.literal("stream"),
    value: z.object({
      lastId: streamIdSchema,
      entries: z.array(z.object({ id: streamIdSchema, fields: z.array(z.string()) })),
    }),
  }),
]);
const snapshotSchema = z.object({
  version: z.literal(1),
  entries: z.array(z.object({ key: z.string(), expireAtMs: z.number().optional(), value: valueSchema })),
});
type StoredValue = z.infer<typeof valueSchema>;

/** Writes the store beside the file, then renames it: a reader sees the old snapshot or the new one, never a part. */
export function writeSnapshot(store: Store, path: string): void {
  const entries = Array.from(store.keys(), ([key, entry]) => ({
    key,
    expireAtMs: entry.expireAtMs,
    value: toStored(entry),
  }));
  const text = JSON.stringify({ version: 1, entries });
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}.tmp`;
  const file = openSync(unfinished, "w", 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
}

/** Fills the store from a snapshot, if there is one. Throws a `StartError` when it cannot be read. */
export function readSnapshot(store: Store, path: string): void {
  if (!existsSync(path)) return;
  const snapshot = snapshotSchema.safeParse(parseJson(readFileSync(path, "utf8")));
  if (!snapshot.success) {
    throw new StartError(`The snapshot ${path} is damaged or of another version: move it away to start empty`);
  }
  store.nowMs = Date.now();
  for (const { key, expireAtMs, value } of snapshot.data.entries) restore(store, key, value, expireAtMs);
  store.removeExpired();
}

function toStored(entry: Entry): StoredValue {
  switch (entry.type) {
    case "string":
    case "list":
      return { type: entry.type, value: entry.value } as StoredValue;
    case "hash":
    case "set":
      return { type: entry.type, value: [...entry.value] } as StoredValue;
    case "zset":
      return {
        type: "zset",
        value: entry.value.slice(0, entry.value.size).map(({ member, score }) => [member, String(score)]),
      };
    case "stream":
      return {
        type: "stream",
        value: {
          lastId: entry.value.lastId,
          entries: entry.value.entries.map(({ id, fields }) => ({ id, fields: [...fields] })),
        },
      };
  }
}

function restore(store: Store, key: string, stored: StoredValue, expireAtMs: number | undefined): void {
  switch (stored.type) {
    case "string":
    case "list":
      store.put(key, stored.type, stored.value, expireAtMs);
      break;
    case "hash":
      store.put(key, "hash", new Map(stored.value), expireAtMs);
      break;
    case "set":
      store.put(key, "set", new Set(stored.value), expireAtMs);
      break;
    case "zset": {
      const set = new SortedSet();
      for (const [member, score] of stored.value) set.set(member, Number(score));
      store.put(key, "zset", set, expireAtMs);
      break;
    }
    case "stream": {
      const stream = new Stream();
      stream.entries = stored.value.entries;
      stream.lastId = stored.value.lastId;
      store.put(key, "stream", stream, expireAtMs);
      break;
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
