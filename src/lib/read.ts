/** What `readTextUpTo` found: the text, or why there is none. `bytes` counts what was read either way. */
export type ReadText =
  | { readonly ok: true; readonly text: string; readonly bytes: number }
  | { readonly ok: false; readonly text: string; readonly problem: "too_large" | "broken_off"; readonly bytes: number };

/** Reads a body as UTF-8 text, at most `maxBytes`. A stream that breaks off is told apart from one that ends; never throws. */
export async function readTextUpTo(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<ReadText> {
  const read = await readBytesUpTo(body, maxBytes);
  const text = new TextDecoder().decode(read.data);
  return read.problem === undefined
    ? { ok: true, text, bytes: read.data.length }
    : { ok: false, text, problem: read.problem, bytes: read.data.length };
}

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
