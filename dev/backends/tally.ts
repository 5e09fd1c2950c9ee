import { closeSync, openSync, writeSync } from "node:fs";
import type { Attachment } from "./conversation.ts";
import type { Format, SimulatedUsage } from "./script.ts";

/** A call as the backend saw it, filled in while it runs. */
export interface CallRecord {
  readonly sequence: number;
  readonly kept: boolean;
  readonly requestId: string | undefined;
  readonly format: Format;
  readonly method: string;
  readonly path: string;
  readonly arrivedAtMs: number;
  readonly rawHeaders: readonly string[];
  readonly bodyText: string;
  readonly bodyBytes: number;
  model: string | undefined;
  streamed: boolean;
  faults: readonly string[];
  attachments: readonly Attachment[] | undefined;
  toolsCalled: readonly string[] | undefined;
  status: number | undefined;
  firstByteAtMs: number | undefined;
  finishedAtMs: number | undefined;
  promptTokens: number;
  tokensGenerated: number;
  tokensDelivered: number;
  framesDelivered: number;
  bytesDelivered: number;
  finishesExpected: number;
  finishesDelivered: number;
  usageReported: SimulatedUsage | undefined;
  cutByBackend: boolean;
  clientClosedAtMs: number | undefined;
  outcome: Outcome;
}

/**
 * `completed`: all of the answer was written. `failed`: a fault broke it. `refused`: an error answer or no answer, nothing generated.
 * `aborted`: the client left first.
 */
export type Outcome = "running" | "completed" | "aborted" | "failed" | "refused";

/** The public form of a call: what `/sim/tally` and the tally file hold. Unknown is absent. */
export interface TallyCall {
  readonly sequence: number;
  readonly backend: string;
  readonly requestId?: string;
  readonly format: Format;
  readonly method: string;
  readonly path: string;
  readonly model?: string;
  /** The parsed body; absent when it was not JSON. */
  readonly body?: unknown;
  /** The body as received (invalid UTF-8 replaced), for digits and duplicate keys that parsing loses. */
  readonly bodyText: string;
  readonly bodyBytes: number;
  /** As received, in order; credentials keep their last four characters. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly streamed: boolean;
  readonly faults: readonly string[];
  /** Images and files of the newest turn, as described in the answer; absent when there were none. */
  readonly attachments?: readonly Attachment[];
  /** Names of the tools that the answer calls; absent when it calls none. */
  readonly toolsCalled?: readonly string[];
  /** Absent when no status line was sent. */
  readonly status?: number;
  readonly arrivedAtMs: number;
  readonly firstByteAtMs?: number;
  readonly finishedAtMs?: number;
  /** Set when the client closed before the answer was complete. */
  readonly clientClosedAtMs?: number;
  readonly promptTokens: number;
  /** Tokens that the simulated GPU spent, over all choices. */
  readonly tokensGenerated: number;
  /** Tokens, frames and body bytes that the operating system took for sending. */
  readonly tokensDelivered: number;
  readonly framesDelivered: number;
  readonly bytesDelivered: number;
  /** Every choice's finish (or the whole JSON body) was written. */
  readonly finishDelivered: boolean;
  /** The last usage written to the client; absent when none was. */
  readonly usageReported?: SimulatedUsage;
  readonly outcome: Outcome;
}

/** What memory may hold at most; the oldest calls go first. */
const MAXIMUM_CALLS = 20_000;
const MAXIMUM_BODY_BYTES = 256 * 1024 * 1024;

const CREDENTIAL_HEADERS = new Set([
  "authorization",
  "x-api-key",
  "cf-access-client-secret",
  "cf-access-client-id",
  "cookie",
  "proxy-authorization",
]);

function maskedHeaders(rawHeaders: readonly string[]): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const value = rawHeaders[index + 1] ?? "";
    headers.push([name, CREDENTIAL_HEADERS.has(name.toLowerCase()) ? `…${value.slice(-4)}` : value]);
  }
  return headers;
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    // What nests too deep to be written again would break every later reading of the tally.
    JSON.stringify(value);
    return value;
  } catch {
    return undefined;
  }
}

/** The backend's own account of what it was asked, delivered and reported. */
export class Tally {
  private readonly backend: string;
  private records: CallRecord[] = [];
  private bodyBytes = 0;
  private nextSequence = 1;
  private callsByRequest = new Map<string, number>();
  private callsByConversation = new Map<string, number>();
  private readonly file: number | undefined;

  constructor(backend: string, tallyFile: string | undefined) {
    this.backend = backend;
    this.file = tallyFile === undefined ? undefined : openSync(tallyFile, "a");
  }

  /** Starts the record of a call; one that is not kept is filled in and forgotten. */
  open(
    call: Pick<
      CallRecord,
      "requestId" | "format" | "method" | "path" | "arrivedAtMs" | "rawHeaders" | "bodyText" | "bodyBytes"
    >,
    kept: boolean,
  ): CallRecord {
    const record: CallRecord = {
      ...call,
      kept,
      sequence: kept ? this.nextSequence++ : 0,
      model: undefined,
      streamed: false,
      faults: [],
      attachments: undefined,
      toolsCalled: undefined,
      status: undefined,
      firstByteAtMs: undefined,
      finishedAtMs: undefined,
      promptTokens: 0,
      tokensGenerated: 0,
      tokensDelivered: 0,
      framesDelivered: 0,
      bytesDelivered: 0,
      finishesExpected: 0,
      finishesDelivered: 0,
      usageReported: undefined,
      cutByBackend: false,
      clientClosedAtMs: undefined,
      outcome: "running",
    };
    if (!kept) return record;
    this.records.push(record);
    this.bodyBytes += record.bodyBytes;
    if (this.records.length > MAXIMUM_CALLS || this.bodyBytes > MAXIMUM_BODY_BYTES) this.forgetOldest();
    return record;
  }

  /** Which call of its request id (or, without one, of its body) this is: 1 for the first. */
  countAttempt(record: CallRecord): number {
    const key = record.requestId ?? record.bodyText;
    const attempt = (this.callsByRequest.get(key) ?? 0) + 1;
    this.callsByRequest.set(key, attempt);
    return attempt;
  }

  /** Which call of its conversation this is: of its request id, or without one of its first words. 1 for the first. */
  countInConversation(record: CallRecord, firstWords: string): number {
    const key = record.requestId ?? `words ${firstWords}`;
    const attempt = (this.callsByConversation.get(key) ?? 0) + 1;
    if (this.callsByConversation.size >= MAXIMUM_CALLS) this.callsByConversation = new Map();
    this.callsByConversation.set(key, attempt);
    return attempt;
  }

  /** Closes the record; with a tally file its line is on the way to disk when this returns, and survives a kill of the process. */
  finish(record: CallRecord, outcome: Outcome): void {
    record.outcome = outcome;
    record.finishedAtMs = Date.now();
    if (this.file !== undefined && record.kept) writeSync(this.file, `${JSON.stringify(this.publicForm(record))}\n`);
  }

  /** Calls in order of arrival, those still running included; of one request id if one is given. */
  calls(requestId?: string): TallyCall[] {
    const chosen =
      requestId === undefined ? this.records : this.records.filter((record) => record.requestId === requestId);
    return chosen.map((record) => this.publicForm(record));
  }

  clear(): void {
    this.records = [];
    this.bodyBytes = 0;
    this.callsByRequest = new Map();
    this.callsByConversation = new Map();
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
  }

  private forgetOldest(): void {
    // A tenth at once, so that a long bench does not shift a long array at every call.
    const forgotten = this.records.splice(0, Math.ceil(this.records.length / 10));
    for (const record of forgotten) {
      this.bodyBytes -= record.bodyBytes;
      this.callsByRequest.delete(record.requestId ?? record.bodyText);
    }
  }

  private publicForm(record: CallRecord): TallyCall {
    const { rawHeaders, finishesExpected, finishesDelivered, cutByBackend: _, kept: __, ...fields } = record;
    const call = {
      ...fields,
      backend: this.backend,
      body: parsed(record.bodyText),
      headers: maskedHeaders(rawHeaders),
      finishDelivered: finishesExpected > 0 && finishesDelivered >= finishesExpected,
    };
    return Object.fromEntries(Object.entries(call).filter(([, value]) => value !== undefined)) as unknown as TallyCall;
  }
}
