import { connect, type Socket } from "node:net";

/** What came back over a plain socket. */
export interface RawReply {
  /** Undefined where not even a status line came. */
  readonly status: number | undefined;
  /** Lower-case names; of a header that came twice, the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Everything, as it came. */
  readonly text: string;
  /** From the connection's opening to the end of the reply. */
  readonly ms: number;
  /** From the connection's opening to its end. */
  readonly closedMs: number;
  readonly endedBy: "reply" | "fin" | "reset" | "timeout";
}

export interface RawRequest {
  readonly method?: string;
  /** The request target as it stands in the first line. */
  readonly target?: string;
  /** Lines of the head after the first, as they are. `Host` is added unless one is given. */
  readonly head: readonly string[];
  /** Bytes, or what writes them: it may take as long as it likes, and is told by `socket.destroyed` when to stop. */
  readonly body?: Uint8Array | string | ((socket: Socket) => unknown);
  readonly patienceMs?: number;
  /** Does not hang up when the reply is there: `endedBy` then says how the other side let go, `closedMs` when. */
  readonly untilClosed?: boolean;
}

/**
 * One HTTP/1.1 request of which every byte is the test's own, for what `fetch` refuses to send. Reading and writing go on side by side, so
 * that a reply which comes before the body is over is seen.
 */
export function rawRequest(url: string, request: RawRequest): Promise<RawReply> {
  const { hostname, port, host } = new URL(url);
  const { method = "POST", target = "/v1/chat/completions", head, body, patienceMs = 15_000 } = request;
  const hasHost = head.some((line) => /^host:/i.test(line));
  const lines = [`${method} ${target} HTTP/1.1`, ...(hasHost ? [] : [`Host: ${host}`]), ...head];
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    let repliedMs: number | undefined;
    const socket = connect(Number(port), hostname);
    const finish = (endedBy: RawReply["endedBy"]) => {
      clearTimeout(timer);
      socket.destroy();
      const closedMs = performance.now() - startedAt;
      resolve({ ...parse(Buffer.concat(received)), ms: repliedMs ?? closedMs, closedMs, endedBy });
    };
    const timer = setTimeout(() => finish("timeout"), patienceMs);
    socket.on("data", (chunk: Buffer) => {
      received.push(chunk);
      if (!isWhole(Buffer.concat(received))) return;
      repliedMs ??= performance.now() - startedAt;
      if (!request.untilClosed) finish("reply");
    });
    socket.on("end", () => finish("fin"));
    // A server that does not read a body to its end resets; what it said before still counts.
    socket.on("error", () => finish("reset"));
    socket.write(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
    if (typeof body === "function") body(socket);
    else if (body !== undefined) socket.write(body);
  });
}

/** Writes `piece` again and again, as fast as the other side reads, until `times` or until the connection is gone. */
export function pour(socket: Socket, piece: Uint8Array | string, times = Number.POSITIVE_INFINITY): void {
  let left = times;
  const more = (): void => {
    while (!socket.destroyed && left-- > 0) {
      if (!socket.write(piece)) {
        socket.once("drain", more);
        return;
      }
    }
  };
  more();
}

/** Writes a byte of `text`, or `length` of them, every `everyMs`. */
export function drip(socket: Socket, text: string, everyMs: number, length = 1): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at >= text.length) clearInterval(timer);
    else socket.write(text.slice(at, at + length));
    at += length;
  }, everyMs);
}

function isWhole(bytes: Buffer): boolean {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return false;
  const head = bytes.subarray(0, headEnd).toString("latin1");
  if (/^HTTP\/1\.1 (204|304)/.test(head)) return true;
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (length !== undefined) return bytes.length >= headEnd + 4 + Number(length);
  return /^transfer-encoding: *chunked/im.test(head) && bytes.subarray(-5).toString("latin1") === "0\r\n\r\n";
}

function parse(bytes: Buffer): Pick<RawReply, "status" | "headers" | "body" | "text"> {
  const text = bytes.toString("utf8");
  const headEnd = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = text.slice(0, headEnd < 0 ? text.length : headEnd).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1];
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const raw = headEnd < 0 ? Buffer.alloc(0) : bytes.subarray(bytes.indexOf("\r\n\r\n") + 4);
  const chunked = headers.get("transfer-encoding") === "chunked";
  // Behind a length may come the reply to what the server took for the next request.
  const length = headers.get("content-length");
  const body = chunked ? unchunked(raw) : raw.subarray(0, length === undefined ? raw.length : Number(length));
  return { status: status === undefined ? undefined : Number(status), headers, body: body.toString("utf8"), text };
}

function unchunked(raw: Buffer): Buffer {
  const chunks: Buffer[] = [];
  let rest = raw;
  for (;;) {
    const lineEnd = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.subarray(0, Math.max(0, lineEnd)).toString("latin1"), 16);
    if (lineEnd < 0 || !(size > 0)) return Buffer.concat(chunks);
    chunks.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size));
    rest = rest.subarray(lineEnd + 2 + size + 2);
  }
}
