import { simulatedTokens } from "../../dev/backends/text/tokens.ts";
import type { BaseConfig } from "../../src/core/config.ts";
import { type Books, type Call, isEstimated, type Row } from "./books.ts";
import { readStream, textOfAnswer } from "./caller.ts";
import type { Kill, Storm, StormResult } from "./storm.ts";
import { MAX_TOKENS } from "./storm-plan.ts";

/** What does not fit, one line each; empty where all is well. */
export type Problems = readonly string[];

/** A kill ends what runs, and what had just been answered and not yet settled. */
const KILL_SLACK_MS = 1_500;
/** A client that closes quietly while JSON is made for it is not missed before the answer is sent: its request runs on so long at most. */
const RUNS_ON_MS = 7_000;

/** Admitted means: Redis has a record. Each has one row, no row is without one unless it was refused, and what anybody knows of has its row. */
export function auditPresence({ results }: Storm, books: Books): Problems {
  const problems: string[] = [];
  const records = new Set([...books.redis.keys()].filter((key) => key.startsWith("rec:")).map((key) => key.slice(4)));
  for (const id of records) if (!books.rows.has(id)) problems.push(`${id}: admitted, and no row`);
  for (const [id, row] of books.rows) {
    if (!records.has(id) && row.outcome !== "refused") problems.push(`${id}: a row (${row.outcome}), and no record`);
    if ((books.charges.get(id)?.length ?? 0) !== Number(row.attempts))
      problems.push(`${id}: attempts and charges differ`);
    for (const [place, charge] of (books.charges.get(id) ?? []).entries()) {
      if (Number(charge.ordinal) !== place) problems.push(`${id}: charges are not numbered from 0`);
    }
  }
  const byTrace = Map.groupBy(books.rows.values(), (row) => row.trace_id);
  for (const [trace, rows] of byTrace) if (rows.length > 1) problems.push(`trace ${trace}: ${rows.length} rows`);
  for (const { plan, requestId, status } of results) {
    const row = byTrace.get(plan.traceId)?.[0];
    if (requestId !== undefined && row?.id !== requestId) {
      problems.push(`${requestId}: told to a client (${status}), and the row of its trace is ${row?.id}`);
    }
  }
  for (const [id, calls] of books.calls) {
    const row = books.rows.get(id);
    if (!row) problems.push(`${id}: a backend was asked, and no row`);
    else if (calls.some((call) => call.traceId !== row.trace_id)) problems.push(`${id}: a call under another trace`);
  }
  return problems;
}

/** What the rows say of each request is what its client saw. */
export function auditOutcomes({ results, kills }: Storm, books: Books): Problems {
  const problems: string[] = [];
  const byTrace = new Map([...books.rows.values()].map((row) => [row.trace_id, row]));
  const cachedTexts = new Map<string, string>();
  for (const result of results) {
    const row = byTrace.get(result.plan.traceId);
    if (result.end === "died" && !wasKilled(result, kills)) {
      problems.push(`${result.plan.traceId} ${result.plan.prompt}: the connection died, and nobody was killed`);
    }
    if (!row) {
      if (result.end === "whole") problems.push(`${result.plan.traceId}: answered (${result.status}), and no row`);
      continue;
    }
    const say = (what: string) =>
      problems.push(
        `${row.id} ${result.plan.alias} ${result.plan.prompt}: ${what} (client ${result.end} ${result.status})`,
      );
    const good = wholeAnswer(result);
    const killed = wasKilled(result, kills);
    switch (row.outcome) {
      case "abandoned":
        if (!killed) say(`abandoned, and nobody was killed (${moments(result, row, kills)})`);
        break;
      case "completed":
        if (result.end === "whole" && good === undefined) say("completed, and the client was told of a failure");
        break;
      case "failed":
        if (good !== undefined) say(`failed (${row.failure}), and the client has a whole answer`);
        if (result.end === "whole" && Number(row.http_status) !== result.status) say(`failed with ${row.http_status}`);
        break;
      case "cancelled":
        if (result.end === "whole") say("cancelled, and the client stayed to the end");
        break;
      default:
        say(`outcome ${row.outcome}`);
    }
    // What was abandoned is booked as it stood when it was admitted, before the cache had answered.
    const isHitKnown = row.outcome !== "abandoned";
    if (isHitKnown && (row.cache === "hit") !== (result.cache === "HIT") && result.status === 200)
      say(`cache ${row.cache}, told ${result.cache}`);
    if (good === undefined) continue;
    if (result.plan.kind === "cached") {
      const key = `${result.plan.alias} ${result.plan.prompt}`;
      const before = cachedTexts.get(key) ?? good;
      if (before !== good) say("another text than others got for the same prompt");
      cachedTexts.set(key, before);
    }
    if (row.cache === "hit" || row.outcome !== "completed") continue;
    const calls = books.calls.get(row.id ?? "") ?? [];
    const call = inOrder(calls, books.charges.get(row.id ?? "") ?? []).at(-1);
    if (call?.tokensDelivered !== simulatedTokens(good)) {
      say(`${simulatedTokens(good)} tokens of text, the backend delivered ${call?.tokensDelivered}`);
    }
  }
  return problems;
}

/** Which process tells of a backend's calls, where one does. */
export interface Whereabouts {
  processOf(backend: string): string;
  /** Whether nobody can tell of a call at this backend. */
  isMute(backend: string): boolean;
}

const THE_SAME: Whereabouts = { processOf: (backend) => backend, isMute: () => false };

/** Attempts are the calls that the backends tell of: how many, where, in which order, how they ended, what they used. */
export function auditAttempts(books: Books, config: BaseConfig, whereabouts: Whereabouts = THE_SAME): Problems {
  const problems: string[] = [];
  for (const [id, row] of books.rows) {
    const charges = books.charges.get(id) ?? [];
    const calls = inOrder(books.calls.get(id) ?? [], charges, whereabouts);
    const say = (what: string) => problems.push(`${id} ${row.outcome}: ${what}`);
    if (row.cache === "hit" && calls.length + charges.length > 0) say("a hit, and a backend was asked");
    if (row.outcome === "abandoned") {
      problems.push(...auditAbandoned(id, row, calls, config));
      continue;
    }
    const places = (list: readonly (Row | Call)[]) =>
      list.map(({ backend, model }) => `${whereabouts.processOf(backend ?? "")}/${model}`).join(" ");
    const audible = charges.filter(({ backend }) => !whereabouts.isMute(backend ?? ""));
    // A client that leaves while its call is on its way: the backend may never have heard of it.
    const unheard = audible.length === calls.length + 1 && audible.at(-1)?.outcome === "cancelled" ? 1 : 0;
    const heard = audible.slice(0, audible.length - unheard);
    if (places(heard) !== places(calls)) say(`charges ${places(charges)}; calls ${places(calls)}`);
    for (const [place, charge] of heard.entries()) {
      const call = calls[place];
      if (call) problems.push(...auditCharge(`${id}#${place}`, charge, call));
    }
    for (const charge of charges) {
      const cost = costOf(config, charge);
      if (Number(charge.cost_nano_usd) !== cost) say(`charged ${charge.cost_nano_usd}, its usage costs ${cost}`);
    }
    for (const column of ["cost_nano_usd", "input_tokens", "output_tokens", "cached_input_tokens"]) {
      const known = charges.flatMap((charge) => charge[column] ?? []);
      const sum = known.reduce((total, value) => total + Number(value), 0);
      if (Number(row[column] ?? 0) !== sum) say(`${column} is ${row[column]}, its charges sum up to ${sum}`);
    }
    if (isEstimated(row) !== charges.some(isEstimated)) say("estimated differs from its charges");
    if (Number(row.cost_nano_usd) > Number(row.reserved_nano_usd)) {
      say(`cost ${row.cost_nano_usd}, reserved were ${row.reserved_nano_usd}`);
    }
    if (row.outcome === "completed" && row.cache !== "hit") {
      // Of two that were asked at once, the one that answered may have begun first.
      const last = calls[heard.findLastIndex(({ outcome }) => outcome === "completed")];
      if (last && last.outcome !== "completed" && !last.finishDelivered) say(`the backend says ${last.outcome}`);
    }
  }
  return problems;
}

/** Two backends are two processes with clocks of whole milliseconds: calls of the same one are put as the charges have them. */
function inOrder(
  calls: readonly Call[],
  charges: readonly Row[],
  { processOf }: Whereabouts = THE_SAME,
): readonly Call[] {
  const place = (call: Call) => charges.findIndex(({ backend }) => processOf(backend ?? "") === call.backend);
  return calls.toSorted((a, b) => a.arrivedAtMs - b.arrivedAtMs || place(a) - place(b) || a.sequence - b.sequence);
}

function auditAbandoned(id: string, row: Row, calls: readonly Call[], config: BaseConfig): Problems {
  const problems: string[] = [];
  if (!isEstimated(row)) problems.push(`${id}: abandoned, and not marked as estimated`);
  if (row.cost_nano_usd !== row.reserved_nano_usd) problems.push(`${id}: abandoned, and not booked as reserved`);
  const spent = calls.reduce((sum, call) => sum + trueCost(config, call), 0);
  if (spent > Number(row.cost_nano_usd))
    problems.push(`${id}: booked ${row.cost_nano_usd}, the backends spent ${spent}`);
  return problems;
}

function auditCharge(where: string, charge: Row, call: Call): Problems {
  const problems: string[] = [];
  const say = (what: string) => problems.push(`${where} ${charge.backend} ${call.faults.join("+")}: ${what}`);
  const fits =
    charge.outcome === "completed"
      ? call.outcome === "completed" || call.finishDelivered
      : charge.outcome === "failed"
        ? // Too slow: the end may have been on its way when the gateway gave up.
          // Under a wrong content type, or with a frame that nobody reads, it is no answer, however whole it is.
          call.outcome !== "completed" ||
          call.status !== 200 ||
          charge.failure === "backend_timeout" ||
          call.faults.some((fault) => fault === "wrong-content-type" || fault === "giant-frame")
        : // Refused in the moment in which the client left: then there was nothing to stop.
          call.outcome !== "running";
  if (!fits) say(`${charge.outcome} (${charge.failure} ${charge.detail}), the backend says ${call.outcome}`);
  const reported = call.usageReported;
  if (charge.outcome === "completed") {
    if (isEstimated(charge) !== (reported === undefined))
      say(`estimated ${charge.estimated}, reported ${JSON.stringify(reported)}`);
    if (reported === undefined) return problems;
    const told = [charge.input_tokens, charge.output_tokens, charge.cached_input_tokens ?? "0"].map(Number);
    const truth = [reported.promptTokens, reported.completionTokens, reported.cachedTokens ?? 0];
    if (told.join() !== truth.join()) say(`usage ${told.join()}, reported ${truth.join()}`);
  } else if (charge.output_tokens !== null) {
    if (!isEstimated(charge)) say("broke off, and its usage is not marked as estimated");
    // What the gateway saw is at most what left the backend; a token cut in two counts as one. Of a JSON body it saw bytes, no tokens.
    const most = call.streamed ? call.tokensDelivered + 1 + unevenness(call) : MAX_TOKENS;
    if (Number(charge.output_tokens) > most)
      say(`output ${charge.output_tokens} tokens, at most ${most} left the backend`);
  }
  return problems;
}

/** By how many tokens an estimate from the lengths of frames may be off: Responses number theirs, and tools have names. */
function unevenness({ path, tokensDelivered, toolsCalled = [] }: Call): number {
  return (path.endsWith("/responses") ? Math.ceil(tokensDelivered / 8) : 0) + 4 * toolsCalled.length;
}

/** The whole text where the client has a whole, good answer. */
function wholeAnswer({ plan, end, status, text }: StormResult): string | undefined {
  if (end !== "whole" || status !== 200) return undefined;
  if (!plan.stream) return textOfAnswer(plan.format, text);
  const told = readStream(plan.format, text);
  return told.closed && told.finished > 0 && !told.error ? told.text : undefined;
}

function wasKilled({ plan, end, gateway, startedAt, endedAt }: StormResult, kills: readonly Kill[]): boolean {
  const over = endedAt + (end === "left" && !plan.stream ? RUNS_ON_MS : KILL_SLACK_MS);
  const possible = kills.filter((kill) => kill.process === "gateway" && kill.gateway === gateway);
  return possible.some(({ at }) => at >= startedAt - KILL_SLACK_MS && at <= over);
}

/** For the reader of a problem: when things happened, in milliseconds from the client's start. */
function moments({ gateway, startedAt, endedAt }: StormResult, row: Row, kills: readonly Kill[]): string {
  const near = kills.filter(
    (kill) => kill.process === "gateway" && kill.gateway === gateway && Math.abs(kill.at - startedAt) < 10_000,
  );
  const received = Date.parse(`${row.started_at?.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00")}`) - startedAt;
  return `received ${received}, client's end ${endedAt - startedAt}, kills ${near.map((kill) => kill.at - startedAt).join()}`;
}

/** Nano-dollars, reckoned in whole numbers: dollars per million tokens with seven decimals are 10^-4 nano-dollars a token. */
function costOf(config: BaseConfig, { backend, input_tokens, output_tokens, cached_input_tokens }: Row): number {
  return nano(config, backend, Number(input_tokens ?? 0), Number(output_tokens ?? 0), Number(cached_input_tokens ?? 0));
}

function trueCost(config: BaseConfig, { backend, promptTokens, tokensDelivered }: Call): number {
  return tokensDelivered === 0 ? 0 : nano(config, backend, promptTokens, tokensDelivered, 0);
}

function nano(
  config: BaseConfig,
  backend: string | null | undefined,
  input: number,
  output: number,
  cached: number,
): number {
  const price = Object.values(config.routes)
    .flatMap(({ targets }) => targets)
    .find((target) => target.backend === backend)?.price;
  if (!price) throw new Error(`no price of ${backend}`);
  const scaled = (dollarsPerMillion: number) => BigInt(Math.round(dollarsPerMillion * 1e7));
  const sum =
    BigInt(input - cached) * scaled(price.inputPerMillion) +
    BigInt(cached) * scaled(price.cachedInputPerMillion ?? price.inputPerMillion) +
    BigInt(output) * scaled(price.outputPerMillion);
  return Number((sum + 9_999n) / 10_000n);
}
