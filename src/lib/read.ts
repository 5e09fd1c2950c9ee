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
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { data: joined(chunks, total) };
      total += value.length;
      if (total > maxBytes) {
        // Not awaited: a sender that never ends must not hold the answer up.
        reader.cancel().catch(() => undefined);
        return { data: joined(chunks, total - value.length), problem: "too_large" };
      }
      chunks.push(value);
    }
  } catch {
    return { data: joined(chunks, total), problem: "broken_off" };
  }
}

function joined(chunks: readonly Uint8Array[], total: number): Uint8Array {
  const [first] = chunks;
  if (first && chunks.length === 1) return first;
  const whole = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
