/**
 * The load generator, in a process of its own. Reads one order as JSON from its arguments, loads one URL, prints one JSON line.
 * Bounded in count; loopback only.
 */
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { median } from "./machine.ts";

export interface LoadOrder {
  readonly kind: "requests" | "arrivals" | "slow-readers";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly count: number;
  readonly concurrency: number;
  /** `arrivals`: requests begun each second, whatever became of those before. `concurrency` says nothing there. */
  readonly perSecond?: number;
  /** `slow-readers`: how long they read, one frame a second. */
  readonly forMs?: number;
}

export interface LoadReport {
  readonly done: number;
  readonly failed: number;
  readonly bytes: number;
  /** Milliseconds to the first byte of the body: the median. */
  readonly firstByteMs: number;
  /** `arrivals`: of every request that was answered well. */
  readonly firstBytesMs?: readonly number[];
}

interface Exchange {
  readonly ok: boolean;
  readonly bytes: number;
  readonly firstByteMs: number;
}

function exchange(order: LoadOrder, agent: Agent): Promise<Exchange> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    let firstByteMs = 0;
    let bytes = 0;
    const outgoing = request(order.url, {
      method: "POST",
      agent,
      headers: { ...order.headers, "content-length": Buffer.byteLength(order.body) },
    });
    const end = (ok: boolean) => resolve({ ok, bytes, firstByteMs });
    outgoing.on("error", () => end(false));
    outgoing.on("response", (incoming) => {
      incoming.on("data", (chunk: Buffer) => {
        if (bytes === 0) firstByteMs = performance.now() - startedAt;
        bytes += chunk.length;
      });
      incoming.on("end", () => end(incoming.statusCode === 200));
      incoming.on("error", () => end(false));
    });
    outgoing.end(order.body);
  });
}

async function requests(order: LoadOrder): Promise<LoadReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: order.concurrency });
  let left = order.count;
  const results: Exchange[] = [];
  await Promise.all(
    Array.from({ length: order.concurrency }, async () => {
      while (left-- > 0) results.push(await exchange(order, agent));
    }),
  );
  agent.destroy();
  return summed(results);
}

/** A world that does not wait: each request begins when it is due, so that slow answers do not hold back the load that would show them. */
async function arrivals(order: LoadOrder): Promise<LoadReport> {
  const agent = new Agent({ keepAlive: true });
  const startedAt = performance.now();
  const results = await Promise.all(
    Array.from({ length: order.count }, async (_, index) => {
      const dueMs = startedAt + (index * 1_000) / (order.perSecond ?? 1) - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs)));
      return exchange(order, agent);
    }),
  );
  agent.destroy();
  const firstBytesMs = results.filter(({ ok }) => ok).map(({ firstByteMs }) => firstByteMs);
  return { ...summed(results), firstBytesMs };
}

function summed(results: readonly Exchange[]): LoadReport {
  return {
    done: results.filter(({ ok }) => ok).length,
    failed: results.filter(({ ok }) => !ok).length,
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    firstByteMs: median(results.map(({ firstByteMs }) => firstByteMs)),
  };
}

/** Clients that take about one frame a second from their socket and leave the rest to back pressure. */
async function slowReaders(order: LoadOrder): Promise<LoadReport> {
  const { hostname, port, pathname } = new URL(order.url);
  const head = Object.entries({
    ...order.headers,
    host: `${hostname}:${port}`,
    "content-length": String(Buffer.byteLength(order.body)),
  });
  const text = `POST ${pathname} HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${order.body}`;
  const frameBytes = 300;
  let bytes = 0;
  let failed = 0;
  const sockets = Array.from({ length: order.count }, () => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on("error", () => failed++);
    socket.on("readable", () => undefined);
    socket.write(text);
    return socket;
  });
  const until = performance.now() + (order.forMs ?? 20_000);
  while (performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    for (const socket of sockets)
      bytes += (socket.read(Math.min(frameBytes, socket.readableLength)) as Buffer | null)?.length ?? 0;
  }
  for (const socket of sockets) socket.destroy();
  return { done: sockets.length - failed, failed, bytes, firstByteMs: Number.NaN };
}

const order = JSON.parse(process.argv[2] ?? "{}") as LoadOrder;
const kinds = { requests, arrivals, "slow-readers": slowReaders };
const report = JSON.stringify(await kinds[order.kind](order));
process.stdout.write(`${report}\n`, () => process.exit(0));
