import { type Frame, isText, type StreamEvent } from "../core/answer.ts";
import type { Admitted, AnswerOrigin, LiveAnswer, StreamingAnswer, StreamStep, WholeAnswer } from "../core/exchange.ts";
import { type Failure, isFallbackWorthy } from "../core/failure.ts";
import { estimateInputTokens } from "../core/tokens.ts";
import type { Usage } from "../core/usage.ts";
import type { FrameWriter, Wire, WireName } from "../core/wire.ts";
import { within } from "../routing/plan.ts";
import { SeamCheck, SentText } from "../routing/seam.ts";
import { triggerOf } from "../routing/triggers.ts";
import { replay } from "../wire/collect.ts";
import { attempt } from "./attempt.ts";
import { leaveProbe } from "./breaker-reports.ts";
import { isContinuable, withAppended } from "./conversation.ts";
import { SEAM } from "./evidence.ts";
import type { Gateway } from "./gateway.ts";
import { isPassedOn } from "./passed-on.ts";
import { takeProbe } from "./probe.ts";
import { writerContext } from "./reply.ts";
import type { PlannedAttempt } from "./running-attempt.ts";
import { mayFollow, membersToGoOn, successorsOf } from "./successors.ts";

/**
 * Routes that promise it: when a backend breaks off after its first token, another goes on from the text that the caller has, and the caller sees
 * one stream. Text only, one choice, and only at backends that can go on from an assistant's words. A model seldom says the same thing twice, but it can be
 * made to show that it picked up at the right place: it is given a little less than the caller has, and what it says first must be the
 * rest (routing/seam.ts). Anything else ends in the error frame: fails closed. Each attempt is a charge of its own and was reserved for.
 */
export function continuing(
  exchange: Admitted,
  live: LiveAnswer,
  most: number,
  attempts: readonly PlannedAttempt[],
  gateway: Gateway,
): LiveAnswer {
  if (live.kind !== "stream" || !isContinuable(exchange.draft)) return live;
  if (isPassedOn(exchange, live) && !RESUMABLE.has(live.wire.name)) return live;
  const able = successorsOf(live, attempts);
  return able.length === 0 || most <= 0 ? live : new ContinuedStream(exchange, live, able, most, gateway);
}

/** Formats whose writer can go on in a stream that it did not begin: they tell of no item ids or sequence numbers. */
const RESUMABLE: ReadonlySet<WireName> = new Set<WireName>(["openai-chat", "anthropic-messages"]);

const SEAM_BROKEN: Failure = {
  type: "backend_cut",
  message: "The backend's answer broke off, and could not be continued.",
  detail: SEAM,
};

const encoder = new TextEncoder();

class ContinuedStream implements StreamingAnswer {
  readonly kind = "stream";
  readonly wire: Wire;
  readonly origin: AnswerOrigin;
  readonly expiresAt: number;
  readonly #exchange: Admitted;
  readonly #gateway: Gateway;
  readonly #left: PlannedAttempt[];
  /** How many may still be asked. */
  #most: number;
  readonly #sent = new SentText();
  /** What a writer has to know of the beginning so that it can go on in its midst. */
  readonly #opening: StreamEvent[] = [];
  #current: StreamingAnswer;
  #block = 0;
  #isPlain = true;
  #check: SeamCheck | undefined;
  #writer: FrameWriter | undefined;
  /** What the attempts that broke off had written. */
  #outputTokens = 0;
  /** What of all that the caller was not told, since it had it already: by its share of the text, for nobody counts it. */
  #repeatedTokens = 0;
  #cancelled = false;
  #closed = false;

  constructor(
    exchange: Admitted,
    first: StreamingAnswer,
    left: readonly PlannedAttempt[],
    most: number,
    gateway: Gateway,
  ) {
    const stitched = () => this.#check !== undefined;
    this.wire = first.wire;
    this.expiresAt = first.expiresAt;
    this.origin = {
      ...first.origin,
      // An answer of two halves is no answer of the target, and is not kept as such.
      get chosenTarget() {
        return first.origin.chosenTarget && !stitched();
      },
    };
    this.#exchange = exchange;
    this.#gateway = gateway;
    this.#left = [...left];
    this.#most = most;
    this.#current = first;
  }

  async next(): Promise<StreamStep> {
    for (;;) {
      const step = await this.#current.next();
      if (step.kind === "failure") {
        const next = await this.#successor(step.failure);
        if (!next) return step;
        this.#current = next;
        if (this.#cancelled) next.cancel();
        continue;
      }
      if (!this.#check) {
        if (step.kind === "frames") for (const frame of step.frames) this.#hear(frame);
        return step;
      }
      const told = step.kind === "frames" ? this.#retold(step.frames) : this.#ended();
      if (!told) {
        this.#note("seam_broken", this.#current.origin.backend);
        this.#current.cancel(SEAM_BROKEN);
        return { kind: "failure", failure: SEAM_BROKEN };
      }
      if (told.length > 0) return { kind: "frames", frames: told };
      if (step.kind === "end") return step;
    }
  }

  cancel(failure?: Failure): void {
    this.#cancelled = true;
    this.#current.cancel(failure);
  }

  #hear(frame: Frame): void {
    for (const event of frame.events()) {
      if (event.type === "text") {
        this.#block = event.block;
        this.#sent.add(event.text);
      } else if (event.type === "start" || (event.type === "other" && event.choice < 0)) this.#opening.push(event);
      // An end that was told is an end; reasoning and whatever else was said cannot be said before the text again.
      else if (event.type !== "usage") this.#isPlain &&= event.type === "other" && Object.keys(event.data).length === 0;
    }
  }

  /** The next backend's answer, from its first token on; undefined where nobody can go on. */
  async #successor(failure: Failure): Promise<StreamingAnswer | undefined> {
    const { notes, departure } = this.#exchange;
    if (!this.#isPlain || !isFallbackWorthy(failure) || this.#sent.length === 0) return undefined;
    this.#outputTokens += notes.attempts.at(-1)?.usage?.outputTokens ?? 0;
    const seam = this.#sent.seam();
    if (!seam) {
      this.#note("no_seam", failure.type);
      return undefined;
    }
    const { prefix, overlap } = seam;
    const trigger = triggerOf(failure);
    for (let planned = this.#left.shift(); planned && this.#most > 0; planned = this.#left.shift()) {
      const leftMs = this.expiresAt - this.#gateway.clock.now();
      if (departure.gone || this.#cancelled || leftMs <= 0) return undefined;
      const startedAt = this.#gateway.clock.now();
      const { name } = planned.backend;
      if (!mayFollow(planned, this.origin, trigger, notes)) {
        this.#note("passed_over", `${name}:${trigger ?? failure.type}`);
        continue;
      }
      // One more call to a backend that is in trouble is a retry.
      if (notes.attempts.some(({ backend }) => backend === name) && !this.#gateway.retries.take(name, startedAt)) {
        this.#note("retry_refused", name);
        continue;
      }
      if (planned.isProbe && !(await takeProbe(planned, this.#exchange, this.#gateway))) {
        this.#note("passed_over", `${name}:probe-taken`);
        continue;
      }
      this.#most--;
      const tried = await this.#ask(planned, prefix, leftMs);
      const ioMs = this.#gateway.clock.now() - startedAt;
      if (tried.ok) {
        this.#note("continued", `${name}:at_${prefix.length}`, ioMs);
        const share = overlap.length / this.#sent.length;
        this.#repeatedTokens += Math.round((this.#outputTokens - this.#repeatedTokens) * share);
        this.#check = new SeamCheck(overlap);
        return tried.value.kind === "stream" ? tried.value : asStream(tried.value, this.expiresAt);
      }
      // It may not have come to be asked: no seat, or a format that cannot say it.
      if (planned.isProbe) leaveProbe(planned, this.#exchange, this.#gateway);
      this.#note(tried.failure.type, name, ioMs);
    }
    this.#note("nobody_left", failure.type);
    return undefined;
  }

  #ask(planned: PlannedAttempt, prefix: string, leftMs: number) {
    const { draft, body, wire, maxOutputTokens } = this.#exchange;
    if (!isContinuable(draft)) throw new Error("an answer that cannot be continued was to be");
    const said = prefix === "" ? undefined : { role: "assistant" as const, content: prefix };
    const conversation = said ? withAppended({ draft, body }, [said], wire.name) : { draft, body };
    const members = said && membersToGoOn(planned.backend);
    const deadlines = { ...within(planned.deadlines, leftMs), totalMs: Math.min(planned.deadlines.totalMs, leftMs) };
    return attempt(
      { ...planned, deadlines, kind: "continuation", chosenTarget: false, ...(members && { ownMembers: members }) },
      {
        ...this.#exchange,
        ...conversation,
        inputTokens: estimateInputTokens(conversation.draft, conversation.body),
        maxOutputTokens: maxOutputTokens && Math.max(1, maxOutputTokens - (said ? this.#outputTokens : 0)),
      },
      this.#gateway,
    );
  }

  /** What is new to the caller, in the words of the stream that it reads; undefined where the continuation is not one. */
  #retold(frames: readonly Frame[]): Frame[] | undefined {
    const told: Frame[] = [];
    const writer = this.#resumed();
    for (const event of frames.flatMap((frame) => frame.events())) {
      const said = this.#said(event);
      if (said === "broken") return undefined;
      if (said) told.push(frameOf(writer.write(said), [said]));
    }
    return told;
  }

  #said(event: StreamEvent): StreamEvent | "broken" | undefined {
    switch (event.type) {
      case "text": {
        const text = this.#check?.take(event.text);
        if (text === undefined) return "broken";
        this.#sent.add(text);
        return text === "" ? undefined : { type: "text", choice: 0, block: this.#block, text };
      }
      case "usage":
        return { type: "usage", usage: this.#together(event.usage) };
      case "finish":
        // From here on there is nothing left to continue.
        this.#isPlain = false;
        return this.#check?.passed ? event : "broken";
      case "start":
      case "other":
      case "logprobs":
        return undefined;
      default:
        // Reasoning, a refusal or a call behind half an answer: the backend began anew.
        return "broken";
    }
  }

  /** All that the caller was told: what was read and written twice for that is in the ledger. */
  #together(usage: Usage): Usage {
    const before = this.#outputTokens - this.#repeatedTokens;
    const outputTokens = usage.outputTokens === undefined ? undefined : usage.outputTokens + before;
    return { ...usage, inputTokens: this.#exchange.inputTokens, ...(outputTokens !== undefined && { outputTokens }) };
  }

  /** What closes the stream, but for the format's own last frame, which whoever hands the stream on adds. */
  #ended(): Frame[] | undefined {
    if (!this.#check?.passed) return undefined;
    if (this.#closed) return [];
    this.#closed = true;
    const closing = this.#resumed().end();
    const { terminator } = this.wire;
    const text = closing.endsWith(terminator) ? closing.slice(0, closing.length - terminator.length) : closing;
    return text === "" ? [] : [frameOf(text, [])];
  }

  /** A writer that stands where the first stream broke off. */
  #resumed(): FrameWriter {
    if (this.#writer) return this.#writer;
    const start = this.#opening.find((event) => event.type === "start");
    const context = writerContext(this.#exchange, this.#gateway);
    const writer = this.wire.encodeStream({
      ...context,
      ...(start && { id: start.id, model: start.model }),
      ...(start?.createdAt !== undefined && { createdAt: start.createdAt }),
    });
    for (const event of this.#opening) writer.write(event);
    writer.write({ type: "text", choice: 0, block: this.#block, text: this.#sent.text });
    this.#writer = writer;
    return writer;
  }

  #note(decision: string, reason: string, ioMs?: number): void {
    this.#exchange.notes.decisions.push({ step: "continue", decision, reason, ...(ioMs !== undefined && { ioMs }) });
  }
}

function frameOf(text: string, events: readonly StreamEvent[]): Frame {
  return { raw: encoder.encode(text), count: 1, notable: true, terminal: false, events: () => events };
}

/** A whole answer of a backend that was to stream, read like one that does. */
function asStream({ wire, origin, answer }: WholeAnswer, expiresAt: number): StreamingAnswer {
  const events = isText(answer) ? replay(answer) : [];
  const steps: StreamStep[] = [{ kind: "frames", frames: [frameOf("", events)] }];
  const next = () => Promise.resolve(steps.shift() ?? ({ kind: "end" } as const));
  return { kind: "stream", wire, origin, expiresAt, next, cancel: () => undefined };
}
