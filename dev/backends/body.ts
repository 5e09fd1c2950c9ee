import type { IncomingMessage } from "node:http";

const MAXIMUM_BODY_BYTES = 64 * 1024 * 1024;

/** Reads a request body to its end. `too-large` beyond 64 MiB; undefined when the client left before its end. */
export function readBody(request: IncomingMessage): Promise<Buffer | "too-large" | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAXIMUM_BODY_BYTES) {
        request.pause();
        resolve("too-large");
      } else chunks.push(chunk);
    });
    request.once("end", () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    request.once("error", () => resolve(undefined));
    request.once("close", () => resolve(undefined));
  });
}
