/** What `readTextUpTo` found: the text, or why there is none. `bytes`: what was read, or what had been announced. */
export type ReadText =
  | { readonly ok: true; readonly text: string; readonly bytes: number }
  | { readonly ok: false; readonly text: string; readonly problem: "too_large" | "broken_off"; readonly bytes: number };

/**
 * Reads an HTTP answer as UTF-8 text, at most `maxBytes`. One that breaks off is told apart from one that ends; never throws. A
 * declared length within bounds is read by the runtime in one call, which costs a tenth of a loop of our own.
 */
export async function readTextUpTo(response: Response, maxBytes: number): Promise<ReadText> {
  const declared = Number(response.headers.get("content-length") ?? Number.NaN);
  if (declared <= Math.min(maxBytes, NATIVE_MAX_BYTES)) {
    try {
      return { ok: true, text: await response.text(), bytes: declared };
    } catch {
      return { ok: false, text: "", problem: "broken_off", bytes: declared };
    }
  }
  const read = await readBytesUpTo(response.body, maxBytes);
  const text = new TextDecoder().decode(read.data);
  return read.problem === undefined
    ? { ok: true, text, bytes: read.data.length }
    : { ok: false, text, problem: read.problem, bytes: read.data.length };
}

const NATIVE_MAX_BYTES = 1_048_576;

/** Reads at most `maxBytes`; what came before a problem is kept. */
export async function readBytesUpTo(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<{ readonly data: Uint8Array; readonly problem?: "too_large" | "broken_off" }> {
  if (!body) return { data: new Uint8Array(0) };
  // Not awaited: a sender that never ends must not hold the answer up.
  const stop = (reader: { cancel(): Promise<void> }) => void reader.cancel().catch(() => undefined);
  return gather(body.getReader(), (reader) => reader.read(), stop, maxBytes);
}

/**
 * The same in large pieces, where the runtime can fill them: a body in chunks of a few bytes each costs a turn of the loop a piece, not a
 * turn a chunk. The last piece of one that breaks off is lost; what comes behind `maxBytes` can still be read.
 * https://developers.cloudflare.com/workers/runtime-apis/streams/readablestreambyobreader/
 */
export async function readInBulkUpTo(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<{ readonly data: Uint8Array; readonly problem?: "too_large" | "broken_off" }> {
  if (!body || !("readAtLeast" in ReadableStreamBYOBReader.prototype)) return readBytesUpTo(body, maxBytes);
  // The types of Node, under which the tests are compiled, do not know workerd's addition.
  const bulk = body.getReader({ mode: "byob" }) as unknown as BulkReader;
  const next = (reader: BulkReader) => reader.readAtLeast(PIECE_BYTES, new Uint8Array(PIECE_BYTES));
  return gather(bulk, next, (reader) => reader.releaseLock(), maxBytes);
}

/** Reads and throws away, until the end or until `withinMs` have passed. Never throws; what somebody else reads is left to them. */
export async function drain(body: ReadableStream<Uint8Array>, withinMs: number): Promise<void> {
  // wrangler's dev server reads what a Worker left unread, as soon as there is a reply.
  if (body.locked) return;
  const reader = body.getReader();
  let over = false;
  const timer = setTimeout(() => {
    over = true;
    reader.cancel().catch(() => undefined);
  }, withinMs);
  try {
    while (!over && !(await reader.read()).done);
  } catch {
    // It broke off, which is an end too.
  }
  clearTimeout(timer);
}

interface BulkReader {
  readAtLeast(minBytes: number, view: Uint8Array): Promise<Read>;
  releaseLock(): void;
}

const PIECE_BYTES = 65_536;

interface Read {
  readonly done: boolean;
  readonly value?: Uint8Array | undefined;
}

async function gather<Reader>(
  reader: Reader,
  next: (reader: Reader) => Promise<Read>,
  stop: (reader: Reader) => void,
  maxBytes: number,
): Promise<{ readonly data: Uint8Array; readonly problem?: "too_large" | "broken_off" }> {
  const gathered = new Gathered();
  try {
    for (;;) {
      const { done, value } = await next(reader);
      if (gathered.length + (value?.length ?? 0) > maxBytes) {
        stop(reader);
        return { data: gathered.bytes(), problem: "too_large" };
      }
      if (value) gathered.add(value);
      if (done) return { data: gathered.bytes() };
    }
  } catch {
    return { data: gathered.bytes(), problem: "broken_off" };
  }
}

/** Bytes in one buffer that doubles: chunks of one byte each, kept as they come, would take a hundred times their length. */
class Gathered {
  length = 0;
  #buffer: Uint8Array = new Uint8Array(0);

  add(chunk: Uint8Array): void {
    const needed = this.length + chunk.length;
    if (this.length === 0) {
      // The first chunk is nearly always the only one: kept, not copied.
      this.#buffer = chunk;
    } else {
      if (needed > this.#buffer.length) {
        const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
        larger.set(this.#buffer.subarray(0, this.length));
        this.#buffer = larger;
      }
      this.#buffer.set(chunk, this.length);
    }
    this.length = needed;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }
}
