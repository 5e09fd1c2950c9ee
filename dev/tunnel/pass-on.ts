import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { answer, formOf } from "./answer.ts";
import { EDGE_ERRORS, edgeErrorReply } from "./edge-replies.ts";
import type { TunnelFault, TunnelFaultName } from "./faults.ts";
import type { TunnelCall, TunnelState } from "./state.ts";

/** A request that Access, the edge and the allow-list have let through. */
interface Passage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
  readonly faults: ReadonlyMap<TunnelFaultName, TunnelFault>;
  readonly call: TunnelCall;
}

/** Takes a request to the backend and its reply back, as cloudflared does: each write goes on at once, a departed client is told of. */
export async function passOn(passage: Passage, state: TunnelState): Promise<void> {
  const { request, response, body, faults, call } = passage;
  let onward: ClientRequest | undefined;
  response.once("close", () => {
    if (response.writableFinished) return;
    call.left = true;
    if (!faults.has("deaf")) onward?.destroy();
  });
  await pause(numberOf(faults.get("slow"), "ms"));
  if (response.destroyed) return;
  onward = httpRequest(new URL(request.url ?? "/", state.target), {
    agent: false,
    method: call.method,
    headers: [...headersOnward(request), ["content-length", String(body.length)]].flat(),
  });
  const timeout = faults.get("timeout");
  const edgeGivesUp = () => {
    onward?.destroy();
    if (response.headersSent) return void response.destroy();
    settle(call, "edge", EDGE_ERRORS.timeout.status);
    answer(response, edgeErrorReply(EDGE_ERRORS.timeout, formOf(timeout)));
  };
  const silence = setTimeout(edgeGivesUp, timeout === undefined ? state.silenceMs : numberOf(timeout, "ms"));
  onward.once("response", (reply) => {
    // Told to time out, the edge hears nothing of the backend.
    if (timeout !== undefined) return void reply.resume();
    silence.refresh();
    reply.on("data", () => silence.refresh());
    settle(call, "backend", reply.statusCode ?? 502);
    bringBack(reply, passage);
  });
  onward.once("error", () => {
    // The edge has answered and let go.
    if (call.answeredBy === "edge" || response.destroyed) return;
    if (response.headersSent) return void response.destroy();
    settle(call, "cloudflared", EDGE_ERRORS.badGateway.status);
    answer(response, edgeErrorReply(EDGE_ERRORS.badGateway, "html"));
  });
  onward.once("close", () => {
    if (timeout === undefined) clearTimeout(silence);
  });
  onward.end(body);
}

function bringBack(reply: IncomingMessage, { response, faults }: Passage): void {
  response.writeHead(reply.statusCode ?? 502, [...headersBack(reply), ["server", "cloudflare"]].flat());
  reply.once("error", () => response.destroy());
  const buffered: Buffer[] = [];
  const isBuffered = faults.has("buffered");
  if (!isBuffered) response.flushHeaders();
  const breaking = faults.get("cut") ?? faults.get("stall");
  let left = breaking === undefined ? Number.POSITIVE_INFINITY : numberOf(breaking, "at");
  const breakNow = () => {
    if (breaking?.name === "stall") return;
    if (breaking?.parameters.by === "fin") response.socket?.end();
    else response.socket?.resetAndDestroy();
  };
  if (left === 0) {
    left = -1;
    breakNow();
  }
  reply.on("data", (chunk: Buffer) => {
    // Nobody is there, or nobody shall hear more: read on, so that the backend is not held up.
    if (left < 0 || response.destroyed) return;
    const part = chunk.subarray(0, left);
    left -= part.length;
    if (left === 0) {
      left = -1;
      return void response.write(part, breakNow);
    }
    if (isBuffered) buffered.push(part);
    else if (!response.write(part)) {
      reply.pause();
      response.once("drain", () => reply.resume());
      response.once("close", () => reply.resume());
    }
  });
  reply.once("end", () => {
    if (left >= 0 && !response.destroyed) response.end(Buffer.concat(buffered));
  });
}

function settle(call: TunnelCall, by: "edge" | "cloudflared" | "backend", status: number): void {
  call.answeredBy = by;
  call.status = status;
}

const OF_ONE_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "te", "upgrade", "trailer"]);
/** Access takes the secret out before it lets a request through. */
const NOT_FOR_THE_BACKEND = new Set(["cf-access-client-secret", "content-length"]);

function headersOnward({ rawHeaders }: IncomingMessage): [string, string][] {
  const kept = pairsOf(rawHeaders).filter(([name]) => !NOT_FOR_THE_BACKEND.has(name.toLowerCase()));
  return [...kept, ["cf-connecting-ip", "127.0.0.1"], ["cf-ray", "simulated0000000-ZRH"]];
}

function headersBack({ rawHeaders }: IncomingMessage): [string, string][] {
  return pairsOf(rawHeaders).filter(([name]) => name.toLowerCase() !== "server");
}

function pairsOf(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    if (!OF_ONE_HOP.has(name.toLowerCase())) pairs.push([name, value]);
  }
  return pairs;
}

function numberOf(fault: TunnelFault | undefined, name: string): number {
  const value = Number(fault?.parameters[name] ?? 0);
  return Number.isFinite(value) ? value : 0;
}
