import type { Alarm, Clock } from "../../core/ports.ts";
import { inTime } from "../../lib/alarm.ts";
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

/** A command's name and its arguments: `["GET", "key"]`. */
export type Command = readonly [name: string, ...args: readonly string[]];

/** A command, or a script with its keys and arguments. */
export type Call = Command | ScriptCall;

/** `text`: the number of keys, the keys and the arguments, as JSON strings behind commas; for calls that are mostly the same each time. */
export type ScriptCall = { readonly script: Script } & (
  | { readonly keys: readonly string[]; readonly args: readonly string[] }
  | { readonly text: string }
);

/** One command's reply: a result, or Redis' own error. */
export interface CommandReply {
  readonly result?: unknown;
  readonly error?: string;
}

/** Why a call failed, in one word that is safe to log. `resting`: it was not made. */
export type LinkTrouble = "timeout" | "network" | "rejected" | "protocol" | "resting";

export type LinkReply =
  | { readonly ok: true; readonly replies: readonly CommandReply[]; readonly ioMs: number }
  | { readonly ok: false; readonly detail: LinkTrouble; readonly ioMs: number };

/** A connection that was silent for longer is taken for closed. */
const WARM_MS = 30_000;
/** After so many failures in a row no call is made for `REST_MS`: a dead Redis must not add its deadline to every request. */
const FAILURES_UNTIL_REST = 3;
const REST_MS = 1_000;

/**
 * Redis over HTTP for one isolate: explicit pipelines, a deadline a call, no retries, a breaker. Never throws.
 * Scripts go by their SHA-1; one that Redis does not know is sent whole, once, in a second call.
 *
 * It speaks Upstash's REST protocol itself, because a call of the official client costs 20 µs more and this one is on the way of every request.
 * https://upstash.com/docs/redis/features/restapi (pipelining)
 */
export class Link {
  readonly #url: string;
  readonly #headers: Headers;
  readonly #options: LinkOptions;
  readonly #clock: Clock;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #troubledAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #restUntil = 0;

  constructor(options: LinkOptions) {
    this.#url = `${options.url.replace(/\/+$/, "")}/pipeline`;
    this.#headers = new Headers({ authorization: `Bearer ${options.token}`, "content-type": "application/json" });
    this.#options = options;
    this.#clock = options.clock ?? Date;
  }

  /** True while calls are skipped after failures. */
  get resting(): boolean {
    return this.#clock.now() < this.#restUntil;
  }

  /** When a call last failed: what others wrote to Redis before may lack what they could not write then. */
  get troubledAt(): number {
    return this.#troubledAt;
  }

  /**
   * Runs the calls in order in one pipeline; each has its own reply, and one failing stops none of the others. With the alarm of a request
   * a call past its deadline is left behind, and its connection ends with that request; without one it is aborted, which costs more.
   */
  async run(calls: readonly Call[], alarm?: Alarm): Promise<LinkReply> {
    const startedAt = this.#clock.now();
    if (startedAt < this.#restUntil) return { ok: false, detail: "resting", ioMs: 0 };
    // Half-open: this call is the probe, and the others rest on until it is overdue, whatever becomes of it.
    if (this.#failures >= FAILURES_UNTIL_REST) this.#restUntil = startedAt + REST_MS + this.#deadlineMs();
    const replies = await this.#send(calls, alarm);
    const ioMs = this.#clock.now() - startedAt;
    return typeof replies === "string" ? { ok: false, detail: replies, ioMs } : { ok: true, replies, ioMs };
  }

  async #send(calls: readonly Call[], alarm: Alarm | undefined): Promise<readonly CommandReply[] | LinkTrouble> {
    const commands: string[] = [];
    for (const call of calls) {
      if (!("script" in call)) commands.push(JSON.stringify(call));
      else commands.push(`["EVALSHA","${call.script.sha ?? (await call.script.prepare())}"${behindScript(call)}]`);
    }
    const replies = await this.#exchange(commands, alarm);
    if (typeof replies === "string" || !replies.some(isUnknownScript)) return replies;
    const unknown = calls.flatMap((call, index) =>
      "script" in call && isUnknownScript(replies[index]) ? [{ call, index }] : [],
    );
    if (unknown.length === 0) return replies;
    const again = await this.#exchange(
      unknown.map(({ call }) => bySource(call)),
      alarm,
    );
    if (typeof again === "string") return again;
    return replies.map((reply, index) => again[unknown.findIndex((entry) => entry.index === index)] ?? reply);
  }

  async #exchange(
    commands: readonly string[],
    alarm: Alarm | undefined,
  ): Promise<readonly CommandReply[] | LinkTrouble> {
    const outcome = await this.#post(commands, alarm);
    if (typeof outcome === "string") {
      this.#failures += 1;
      this.#answeredAt = Number.NEGATIVE_INFINITY;
      this.#troubledAt = this.#clock.now();
      if (this.#failures >= FAILURES_UNTIL_REST) this.#restUntil = this.#clock.now() + REST_MS;
    } else {
      this.#answeredAt = this.#clock.now();
      this.#failures = 0;
      this.#restUntil = 0;
    }
    return outcome;
  }

  async #post(commands: readonly string[], alarm: Alarm | undefined): Promise<readonly CommandReply[] | LinkTrouble> {
    const deadlineMs = this.#deadlineMs();
    try {
      if (!alarm) return await this.#ask(commands, AbortSignal.timeout(deadlineMs));
      return (await inTime(this.#ask(commands), deadlineMs, alarm)) ?? "timeout";
    } catch (error) {
      return troubleOf(error);
    }
  }

  async #ask(commands: readonly string[], signal?: AbortSignal): Promise<readonly CommandReply[] | LinkTrouble> {
    const response = await fetch(this.#url, {
      method: "POST",
      headers: this.#headers,
      body: `[${commands.join()}]`,
      // The token must not travel to where a redirect points.
      redirect: "manual",
      ...(signal && { signal }),
    });
    const text = await response.text();
    if (!response.ok) return "rejected";
    const replies: unknown = JSON.parse(text);
    return Array.isArray(replies) && replies.length === commands.length ? replies : "protocol";
  }

  #deadlineMs(): number {
    const { timeoutMs, connectMs } = this.#options;
    return this.#clock.now() - this.#answeredAt < WARM_MS ? timeoutMs : timeoutMs + connectMs;
  }
}

function bySource(call: ScriptCall): string {
  return `["EVAL",${JSON.stringify(call.script.source)}${behindScript(call)}]`;
}

function behindScript(call: ScriptCall): string {
  return "text" in call ? call.text : scriptText(call.keys, call.args);
}

/** The `text` of a script call with these keys and arguments. */
export function scriptText(keys: readonly string[], args: readonly string[]): string {
  return `,"${keys.length}"${listed(keys)}${listed(args)}`;
}

/** As `listed`, for texts that need no escaping: numbers, request ids, names that keys.ts made. */
export function listedPlain(texts: readonly string[]): string {
  return texts.length === 0 ? "" : `,"${texts.join('","')}"`;
}

/** JSON strings, each behind a comma. */
export function listed(texts: readonly string[]): string {
  let list = "";
  for (const text of texts) list += `,${JSON.stringify(text)}`;
  return list;
}

function isUnknownScript(reply: CommandReply | undefined): boolean {
  return reply?.error?.startsWith("NOSCRIPT") === true;
}

function troubleOf(error: unknown): LinkTrouble {
  switch (error instanceof Error ? error.name : "") {
    case "TimeoutError":
    case "AbortError":
      return "timeout";
    case "SyntaxError":
      return "protocol";
    default:
      return "network";
  }
}

/** The first word of Redis' error (`WRONGTYPE`, `ERR`, …): the rest may hold names of keys. */
export function errorWord(error: string): string {
  return /^[A-Z]+/.exec(error)?.[0] ?? "ERR";
}
