import { connect } from "node:net";

/** What a raw socket saw of one HTTP/1.1 answer. */
export interface RawAnswer {
  readonly status: number | undefined;
  readonly headers: ReadonlyMap<string, string>;
  /** The body without its chunked encoding, as far as it came. */
  readonly body: Buffer;
  /** Sizes of the HTTP chunks; empty without chunked encoding. */
  readonly chunkSizes: readonly number[];
  /** The last chunk came, or Content-Length was met. */
  readonly isWhole: boolean;
  readonly endedBy: "fin" | "reset" | "timeout";
}

interface RawRequest {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** Stop waiting after so long, for answers that never end. */
  readonly patienceMs?: number;
}

/** Posts JSON over a plain socket and reads until the connection ends, byte for byte. */
export function rawPost(url: string, request: RawRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const body = typeof request.body === "string" ? request.body : JSON.stringify(request.body);
  const headers: Record<string, string> = {
    host: `${hostname}:${port}`,
    connection: "close",
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    ...request.headers,
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = connect(Number(port), hostname);
    const finish = (endedBy: RawAnswer["endedBy"]) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...parseAnswer(Buffer.concat(received)), endedBy });
    };
    const timer = setTimeout(() => finish("timeout"), request.patienceMs ?? 10_000);
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    socket.on("end", () => finish("fin"));
    socket.on("error", () => finish("reset"));
    socket.write(`POST ${request.path ?? "/v1/chat/completions"} HTTP/1.1\r\n${head.join("")}\r\n${body}`);
  });
}

function parseAnswer(bytes: Buffer): Omit<RawAnswer, "endedBy"> {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0)
    return { status: undefined, headers: new Map(), body: Buffer.alloc(0), chunkSizes: [], isWhole: false };
  const [statusLine = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const status = Number(statusLine.split(" ")[1]);
  const rest = bytes.subarray(headEnd + 4);
  if (headers.get("transfer-encoding") !== "chunked") {
    return {
      status,
      headers,
      body: rest,
      chunkSizes: [],
      isWhole: rest.length === Number(headers.get("content-length")),
    };
  }
  return { status, headers, ...unchunk(rest) };
}

function unchunk(bytes: Buffer): Pick<RawAnswer, "body" | "chunkSizes" | "isWhole"> {
  const parts: Buffer[] = [];
  const chunkSizes: number[] = [];
  let offset = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", offset);
    if (lineEnd < 0) return { body: Buffer.concat(parts), chunkSizes, isWhole: false };
    const size = Number.parseInt(bytes.subarray(offset, lineEnd).toString("latin1"), 16);
    if (size === 0) return { body: Buffer.concat(parts), chunkSizes, isWhole: true };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    chunkSizes.push(size);
    offset = lineEnd + 2 + size + 2;
  }
}

/** The JSON of each `data:` line of an event stream; `[DONE]` stays a string. */
export function framesOf(body: Buffer): unknown[] {
  return body
    .toString("utf8")
    .split("\n\n")
    .flatMap((block) => block.split("\n").filter((line) => line.startsWith("data: ")))
    .map((line) => (line === "data: [DONE]" ? "[DONE]" : JSON.parse(line.slice(6))));
}

/** Waits until a condition holds, looking every 5 ms; fails after eight seconds. */
export async function eventually<T>(look: () => T | undefined, what: string): Promise<T> {
  const until = Date.now() + 8000;
  for (;;) {
    const seen = look();
    if (seen !== undefined) return seen;
    if (Date.now() > until) throw new Error(`never seen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** All items of an asynchronous sequence. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
