import { type Pipeline, Redis } from "@upstash/redis/cloudflare";
import type { Clock } from "../../core/ports.ts";
import type { Script } from "./script.ts";

export interface LinkOptions {
  readonly url: string;
  readonly token: string;
  /** For one call while the connection is warm. */
  readonly timeoutMs: number;
  /** Added when nothing was heard from Redis for a while, for the connection's sake. */
  readonly connectMs: number;
  readonly clock?: Clock;
}

/** A script with its keys and arguments, or a command put into the pipeline by hand. */
export type Call =
  | { readonly script: Script; readonly keys: readonly string[]; readonly args: readonly string[] }
  | ((pipeline: Pipeline) => unknown);

/** One command's reply: a result, or Redis' own error. */
export interface CommandReply {
  readonly result?: unknown;
  readonly error?: string | undefined;
}

export type LinkReply =
  | { readonly ok: true; readonly replies: readonly CommandReply[]; readonly ioMs: number }
  /** `detail` is one word and safe to log: timeout, network, rejected, protocol, resting. */
  | { readonly ok: false; readonly detail: string; readonly ioMs: number };

/** A connection that was silent for longer is taken for closed. */
const WARM_MS = 30_000;
/** After so many failures in a row no call is made for `REST_MS`: a dead Redis must not add its deadline to every request. */
const FAILURES_UNTIL_REST = 3;
const REST_MS = 1_000;

/**
 * Redis over HTTP for one isolate: explicit pipelines, a deadline a call, no retries, a breaker. Never throws.
 * Scripts go by their SHA-1; one that Redis does not know is sent whole, once, in a second call.
 */
export class Link {
  /** For libraries that bring their own commands. The deadline holds for it, the breaker does not. */
  readonly redis: Redis;
  readonly #options: LinkOptions;
  readonly #clock: Clock;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #restUntil = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
    this.redis = new Redis({
      url: options.url,
      token: options.token,
      // `retry: false` would still try twice, and a static signal would turn an abort into a success.
      retry: { retries: 0 },
      signal: () => AbortSignal.timeout(this.#deadlineMs()),
      automaticDeserialization: false,
      responseEncoding: false,
      enableAutoPipelining: false,
      enableTelemetry: false,
      readYourWrites: false,
    });
  }

  /** True while calls are skipped after failures. */
  get resting(): boolean {
    return this.#clock.now() < this.#restUntil;
  }

  async run(calls: readonly Call[]): Promise<LinkReply> {
    const startedAt = this.#clock.now();
    if (startedAt < this.#restUntil) return { ok: false, detail: "resting", ioMs: 0 };
    // Half-open: this call is the probe, and the others rest on until it is overdue, whatever becomes of it.
    if (this.#failures >= FAILURES_UNTIL_REST) this.#restUntil = startedAt + REST_MS + this.#deadlineMs();
    try {
      const replies = await this.#send(calls);
      return { ok: true, replies, ioMs: this.#clock.now() - startedAt };
    } catch (error) {
      return { ok: false, detail: this.#failed(error), ioMs: this.#clock.now() - startedAt };
    }
  }

  async #send(calls: readonly Call[]): Promise<readonly CommandReply[]> {
    const replies = await this.#exec(await this.#pipelineOf(calls, "evalsha"));
    const unknown = calls.filter((call, index) => "script" in call && replies[index]?.error?.startsWith("NOSCRIPT"));
    if (unknown.length === 0) return replies;
    const again = await this.#exec(await this.#pipelineOf(unknown, "eval"));
    return replies.map((reply, index) => {
      const call = calls[index];
      const place = call === undefined ? -1 : unknown.indexOf(call);
      return again[place] ?? reply;
    });
  }

  async #pipelineOf(calls: readonly Call[], how: "eval" | "evalsha"): Promise<Pipeline> {
    const pipeline = this.redis.pipeline();
    for (const call of calls) {
      if (!("script" in call)) call(pipeline);
      else if (how === "eval") pipeline.eval(call.script.source, [...call.keys], [...call.args]);
      else pipeline.evalsha(call.script.sha ?? (await call.script.prepare()), [...call.keys], [...call.args]);
    }
    return pipeline;
  }

  async #exec(pipeline: Pipeline): Promise<readonly CommandReply[]> {
    const replies: readonly CommandReply[] = await pipeline.exec({ keepErrors: true });
    if (replies.length !== pipeline.length()) throw new TypeError("one reply a command");
    this.#answeredAt = this.#clock.now();
    this.#failures = 0;
    this.#restUntil = 0;
    return replies;
  }

  #deadlineMs(): number {
    const { timeoutMs, connectMs } = this.#options;
    return this.#clock.now() - this.#answeredAt < WARM_MS ? timeoutMs : timeoutMs + connectMs;
  }

  /** The client's messages hold the whole command: only their kind leaves this file. */
  #failed(error: unknown): string {
    this.#failures += 1;
    this.#answeredAt = Number.NEGATIVE_INFINITY;
    if (this.#failures >= FAILURES_UNTIL_REST) this.#restUntil = this.#clock.now() + REST_MS;
    switch (error instanceof Error ? error.name : "") {
      case "TimeoutError":
      case "AbortError":
        return "timeout";
      case "UpstashError":
        return "rejected";
      case "UpstashJSONParseError":
        return "protocol";
      default:
        return error instanceof TypeError && error.message === "one reply a command" ? "protocol" : "network";
    }
  }
}

/** The first word of Redis' error (`WRONGTYPE`, `ERR`, …): the rest may hold names of keys. */
export function errorWord(error: string): string {
  return /^[A-Z]+/.exec(error)?.[0] ?? "ERR";
}
