/**
 * A response before it is sent: status, headers and the pieces of the body, each with the moment it is due. Formats write scripts, faults rewrite them
 * (purely), and one player performs them, so that every fault works on every answer.
 */

/** The wire formats that the simulator speaks. */
export type Format = "openai" | "anthropic";

/** Token counts as this backend reports them. */
export interface SimulatedUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens?: number;
  /** Written to the cache by a mark; beside the prompt tokens that were read. */
  readonly cacheCreationTokens?: number;
  /** Of the completion tokens. */
  readonly reasoningTokens?: number;
}

/** What a step is, so that faults can find it. */
export type StepKind = "opening" | "token" | "closing" | "finish" | "usage" | "done" | "answer" | "error" | "ping";

/** One piece of the body: one SSE frame, or a whole JSON text. */
export interface Step {
  readonly kind: StepKind;
  readonly bytes: Buffer;
  /** How many tokens of each sequence must exist before this piece can be sent; 0 is at once. */
  readonly after: number;
  /** Tokens that this piece delivers. */
  readonly tokens: number;
  /** Frames that this piece delivers; 0 for a part of a frame. */
  readonly frames: number;
  /** The usage that stands in this piece. */
  readonly usage?: SimulatedUsage;
  /** This piece says that a choice is finished. */
  readonly finish?: boolean;
  /** An extra pause before it, in milliseconds; Infinity stalls until the client leaves. */
  readonly pauseMs?: number;
  /** The next piece is not written before the operating system has taken this one. */
  readonly flush?: boolean;
  /** Bytes of the response body in `bytes`, where those already carry the chunked encoding. */
  readonly bodyBytes?: number;
}

/** How the body ends: properly, by FIN without its proper end, by RST, or never. */
export type Ending = "end" | "fin" | "reset" | "hang";

export interface Script {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
  /** `length` sends Content-Length of the whole body as written (a cut does not change it), `chunked` does not. */
  readonly framing: { readonly contentLength: number } | "chunked";
  readonly ending: Ending;
  /** A server-sent-event stream: headers leave at once, each frame on its own. */
  readonly streamed: boolean;
  /** The event syntax where it is not the format's own: OpenAI's Responses have no `[DONE]` and their own errors. */
  readonly dialect?: "responses";
  /** Needs a seat on the simulated GPU and its pacing. */
  readonly generates: boolean;
  /** Sequences that generate in parallel. */
  readonly sequences: number;
  /** Tokens that exist when everything has been generated, over all sequences. */
  readonly totalTokens: number;
  readonly promptTokens: number;
  /** Before the status line, in milliseconds; Infinity never answers. */
  readonly headersPauseMs?: number;
  /** No status line at all: the ending is all that the client sees. */
  readonly silent?: boolean;
  /** The steps carry their own chunked encoding. */
  readonly preframed?: boolean;
  /** Between the last byte and an RST, so that the receiver can read what was sent, in milliseconds. */
  readonly lingerMs?: number;
  /** The body was cut; the call is complete all the same if every finish left before the cut. */
  readonly cut?: boolean;
  /** What the tally says when all of it was performed. */
  readonly outcome: "completed" | "failed" | "refused";
}

/** A finished body of one piece that needs no generation: an error, a list, a page. */
export function plainScript(status: number, headers: Readonly<Record<string, string>>, body: Buffer | string): Script {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  return {
    status,
    headers,
    steps:
      bytes.length === 0 ? [] : [{ kind: status < 400 ? "answer" : "error", bytes, after: 0, tokens: 0, frames: 0 }],
    framing: { contentLength: bytes.length },
    ending: "end",
    streamed: false,
    generates: false,
    sequences: 1,
    totalTokens: 0,
    promptTokens: 0,
    outcome: status < 400 ? "completed" : "refused",
  };
}

/** A JSON body that needs no generation. */
export function jsonScript(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Script {
  return plainScript(status, { "content-type": "application/json", ...headers }, JSON.stringify(value));
}

/** Length of the response body in bytes. */
export function bodyLength(script: Script): number {
  let length = 0;
  for (const step of script.steps) length += step.bodyBytes ?? step.bytes.length;
  return length;
}

/** The headers of every event stream. */
export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
};
