import { setTimeout as pause } from "node:timers/promises";
import { chatRequest } from "../test/support/caller.ts";
import { open, type RunningReply } from "../test/support/leaver.ts";
import { rawRequest } from "../test/support/raw-http.ts";
import { MAX_TOKENS } from "../test/support/storm-plan.ts";
import { faultedBy } from "./config.ts";
import type { Cell, Leave } from "./types.ts";

/** What a client saw. `silent`: nothing more came for as long as no deadline lasts. */
export interface Seen {
  readonly end: "whole" | "broke" | "left" | "silent";
  readonly traceId: string;
  readonly status?: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  readonly ms: number;
}

/** Longer than any answer may take here. */
const PATIENCE_MS = 20_000;
const WORDS = "Tell the truth.";
const BRIEF = "[[sim:tokens=14]]";
/** A second and a half, so that a client can leave in it; nobody waits for its end. */
const LASTING = "[[sim:tokens=60]][[sim:tps=40]]";
/** Behind the departure of a client that leaves at the first byte of a lasting answer. */
const AFTER = { stays: "4", leaves: "35" } as const;

export const pacingOf = ({ fault, column }: Cell): string =>
  fault.pacing ?? (column.client === "leaves" ? LASTING : BRIEF);

/** The same words for all: what is said depends on nothing else, so that it can be compared. */
export function promptOf(cell: Cell): string {
  const { fault, column, first } = cell;
  const faults: string[] = [];
  // A fault is told to a process: the two targets of a route are never of the same one.
  const only = fault.where === "everywhere" ? "" : `,only=${faultedBy(first)}`;
  if (fault.backend) faults.push(`${fault.backend.replace("{after}", AFTER[column.client])}${only}`);
  if (fault.next) faults.push(`${fault.next},only=${faultedBy(first) === "home" ? "cloud" : "home"}`);
  // Nothing that a client could leave comes of a request that fails everywhere, unless it fails late.
  if (fault.where === "everywhere" && column.client === "leaves") faults.push("slow-headers,ms=1500");
  return `${pacingOf(cell)}${faults.map((each) => `[[sim:fault=${each}]]`).join("")} ${WORDS}`;
}

/** What is said where nothing is wrong, asked of the simulated backend itself. */
export const referencePrompt = (cell: Cell): string => {
  const tokens = /\[\[sim:tokens=\d+\]\]/.exec(pacingOf(cell))?.[0] ?? "";
  const said = cell.fault.changesText ? `[[sim:fault=${cell.fault.backend}]]` : "";
  return `${tokens}${said} ${WORDS}`;
};

function leaveOf({ fault, column }: Cell): Leave | undefined {
  if (column.client === "stays") return undefined;
  const early: Leave = { at: 400, how: "reset" };
  if (fault.client?.leaves) return fault.client.leaves;
  if (fault.departure) return fault.departure;
  return column.stream && fault.where !== "everywhere" ? { at: "first byte", how: "reset" } : early;
}

/** Another request of the same cell: its copies, and the one that asks again. */
export function variantOf(traceId: string, variant: number): string {
  return `${traceId.slice(0, 16)}${variant.toString(16)}${traceId.slice(17)}`;
}

/** Asks as the cell says; `variant` keeps the requests of one cell apart. */
export async function ask(url: string, key: string, cell: Cell, variant = 0): Promise<Seen> {
  const { fault, column } = cell;
  const startedAt = performance.now();
  const traceId = variantOf(cell.traceId, variant);
  const headers = {
    authorization: `Bearer ${key}`,
    traceparent: `00-${traceId}-00000000000000aa-01`,
    "x-gateway-cache": column.cache,
    // Cells of one alias would share an entry.
    "x-gateway-cache-namespace": cell.traceId,
    ...(fault.client?.times && { "idempotency-key": cell.traceId }),
    ...fault.client?.headers,
  };
  const limit = column.format === "openai-responses" ? "max_output_tokens" : "max_tokens";
  const { path, body } = chatRequest(column.format, cell.alias, promptOf(cell), column.stream, { [limit]: MAX_TOKENS });
  const leave = variant === AGAIN ? undefined : leaveOf(cell);
  const ended = fault.client?.raw
    ? await askRaw(url, path, headers, cell, body, leave)
    : await askPlainly(`${url}${path}`, headers, fault.client?.edit?.(body) ?? body, leave, fault.client?.pausesMs);
  return { ...ended, traceId, ms: performance.now() - startedAt };
}

/** The variant that asks once more, to see whether the answer was kept. */
export const AGAIN = 8;

type Ended = Omit<Seen, "traceId" | "ms">;

async function askRaw(
  url: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  cell: Cell,
  body: Readonly<Record<string, unknown>>,
  leave: Leave | undefined,
): Promise<Ended> {
  const raw = cell.fault.client?.raw?.(cell.column, body) ?? { head: [] };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const reply = await rawRequest(url, {
    ...raw,
    target,
    head: [...head, "content-type: application/json", ...raw.head],
    patienceMs: leave && leave.at !== "first byte" ? leave.at : PATIENCE_MS,
  });
  const isGone = reply.endedBy === "timeout";
  const end = isGone ? (leave ? "left" : "silent") : reply.status === undefined ? "broke" : "whole";
  return {
    end,
    ...(reply.status !== undefined && { status: reply.status }),
    headers: Object.fromEntries(reply.headers),
    body: reply.body,
  };
}

async function askPlainly(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: unknown,
  leave: Leave | undefined,
  pausesMs: number | undefined,
): Promise<Ended> {
  const pending = open(url, body, headers);
  let end: Ended["end"] | undefined;
  const go = (why: "left" | "silent", how: Leave["how"]) => {
    end ??= why;
    pending.leave(how);
  };
  const timers = [setTimeout(() => go("silent", "reset"), PATIENCE_MS)];
  if (leave && leave.at !== "first byte") timers.push(setTimeout(() => go("left", leave.how), leave.at));
  let reply: RunningReply | undefined;
  let text = "";
  try {
    reply = await pending.reply;
    if (pausesMs !== undefined || leave?.at === "first byte") text = await reply.read(1);
    // Whatever is refused has been read by then: there is nothing left to leave.
    if (leave?.at === "first byte" && reply.status === 200) go("left", leave.how);
    else {
      if (pausesMs !== undefined) {
        reply.pause();
        await pause(pausesMs);
      }
      text = await reply.rest();
      end ??= "whole";
    }
  } catch {
    end ??= "broke";
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
  return {
    end: end ?? "broke",
    ...(reply && { status: reply.status }),
    headers: reply?.headers ?? {},
    body: text,
  };
}
