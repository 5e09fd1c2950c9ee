import { drain } from "../lib/read.ts";

/** A sender that reads its reply beside its writing needs less; one that never ends is not waited for. */
const LINGER_MS = 500;
/** The runtime itself reads so much behind a reply. */
const SMALL_BODY_BYTES = 65_536;

/**
 * A reply to a request whose body was not read to its end. Closing on a sender resets its connection, and the reply is lost with
 * it: so the reply is said at once, and for a moment more what still comes is read and thrown away.
 */
export function lingering(response: Response, request: Request): Response {
  const { body } = request;
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (!body || body.locked || declared <= SMALL_BODY_BYTES || !response.body) return response;
  const told = response.body.getReader();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await told.read();
      if (!done) return controller.enqueue(value);
      await drain(body, LINGER_MS);
      controller.close();
    },
  });
  return new Response(stream, response);
}
