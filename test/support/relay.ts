import { createServer, type IncomingHttpHeaders, request } from "node:http";
import type { AddressInfo } from "node:net";
import { performance } from "node:perf_hooks";

/** One call that came through the relay. */
export interface RelayedCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Milliseconds on a clock that never jumps. */
  readonly atMs: number;
  status?: number;
  /** When the reply's status was there, on the same clock. */
  answeredAtMs?: number;
  replyHeaders?: IncomingHttpHeaders;
}

export interface Relay {
  readonly url: string;
  /** In order of arrival. */
  readonly calls: RelayedCall[];
  close(): Promise<void>;
}

/**
 * A door in front of a gateway that counts who comes through: what a client's own retries look like from here. Bytes pass as they are.
 * It tells the gateway at once of a client that leaves, by a reset, as the edge does. Without it nobody would before the first byte of an
 * answer: a client's close is a FIN, which workerd on its own takes for the end of what the client has to say.
 */
export async function startRelay(target: string): Promise<Relay> {
  const calls: RelayedCall[] = [];
  const server = createServer((incoming, outgoing) => {
    const call: RelayedCall = {
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      headers: incoming.headers,
      atMs: performance.now(),
    };
    calls.push(call);
    const onward = request(new URL(call.path, target), { method: call.method, headers: incoming.headers });
    onward.on("response", (reply) => {
      call.status = reply.statusCode ?? 0;
      call.answeredAtMs = performance.now();
      call.replyHeaders = reply.headers;
      outgoing.writeHead(call.status, reply.rawHeaders);
      reply.pipe(outgoing);
      reply.on("error", () => outgoing.destroy());
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) onward.socket?.resetAndDestroy();
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
