import { type CallerFormat, chatRequest } from "./caller.ts";

/** A source of randomness that a seed repeats: 0 ≤ x < 1. */
export type Random = () => number;

/** Mulberry32 (T. Ettinger, public domain): 32 bits of state, good enough to mix a storm. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const pick = <T>(random: Random, list: readonly [T, ...T[]]): T =>
  list[Math.floor(random() * list.length)] ?? list[0];

/** What every request allows. */
export const MAX_TOKENS = 200;

/** What one client is going to do. */
export interface StormPlan {
  readonly index: number;
  readonly kind: "plain" | "fault" | "fallback" | "cached" | "leaving";
  readonly format: CallerFormat;
  readonly alias: string;
  readonly stream: boolean;
  /** Which of the minted keys. */
  readonly caller: number;
  readonly prompt: string;
  /** Its own trace: what a client knows of a request whose connection died before a header came. */
  readonly traceId: string;
  /** The client hangs up this long after it asked. */
  readonly leavesAfterMs?: number;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Faults that end a request where there is no other backend, and such that change only how the answer comes. */
const FAULTS = [
  "refuse",
  "refuse,by=fin",
  "truncate,after=0",
  "truncate,after=3",
  "truncate,after=3,by=reset",
  "truncate,after=4,by=clean",
  "stall-mid-stream,after=3",
  "never-answers",
  "slow-headers,ms=300",
  "server-error",
  "server-error,times=1",
  "rate-limited,retry-after-ms=20,times=1",
  "quota-exhausted",
  "queue-full",
  "unauthorized",
  "context-length",
  "error-body-200",
  "empty-200",
  "tunnel-bad-gateway",
  "tunnel-down",
  "access-login",
  "malformed-frame",
  "error-frame",
  "error-frame,after=0",
  "no-usage",
  "zero-usage",
  "no-done",
  "no-finish",
  "split,every=17",
] as const;

/** Faults that a second backend can mend, since they come before the first token. */
const EARLY_FAULTS = [
  "refuse",
  "truncate,after=0",
  "truncate,at=60",
  "server-error",
  "queue-full",
  "unauthorized",
  "empty-200",
  "tunnel-down",
  "tunnel-bad-gateway",
  "rate-limited",
  "error-frame,after=0",
  "never-answers",
] as const;

const FALLBACKS = {
  "home-cloud": ["only=home"],
  "home-claude": ["only=home"],
  "claude-home": ["only=anthropic"],
  "home-cloud-claude": ["only=home", "only=openai"],
} as const;

const KINDS = [
  "plain",
  "plain",
  "plain",
  "fault",
  "fault",
  "fallback",
  "fallback",
  "cached",
  "cached",
  "leaving",
  "leaving",
] as const;

/** Text that every request carries, to be looked for afterwards. */
export interface StormWords {
  readonly prompt: string;
  readonly endUser: string;
}

/** The same seed gives the same requests, but for their traces, which `runId` keeps apart from another run's, and for `words`. */
export function stormPlans(count: number, random: Random, runId: string, words: StormWords): readonly StormPlan[] {
  return Array.from({ length: count }, (_, index) => planOf(index, random, runId, words));
}

function planOf(index: number, random: Random, runId: string, words: StormWords): StormPlan {
  const kind = pick(random, KINDS);
  const format = pick(random, ["openai-chat", "anthropic-messages"] as const);
  const stream = random() < 0.6;
  const tokens = 4 + Math.floor(random() * 40);
  const special = specialOf(kind, random, index, tokens);
  const { path, body } = chatRequest(format, special.alias, `${words.prompt} ${special.prompt}`, stream, {
    max_tokens: MAX_TOKENS,
    ...(format === "openai-chat" ? { user: words.endUser } : { metadata: { user_id: words.endUser } }),
  });
  return {
    index,
    kind,
    format,
    stream,
    caller: Math.floor(random() * 2),
    traceId: `${runId}${index.toString(16).padStart(32 - runId.length, "0")}`,
    path,
    body,
    ...special,
  };
}

type Special = Pick<StormPlan, "alias" | "prompt" | "leavesAfterMs">;

function specialOf(kind: StormPlan["kind"], random: Random, index: number, tokens: number): Special {
  const said = `storm ${index}`;
  const anyBackend = () => pick(random, ["home", "cloud", "claude"] as const);
  switch (kind) {
    case "plain": {
      const cached = random() < 0.3 ? " [[sim:cached=3]]" : "";
      return { alias: anyBackend(), prompt: `${said} [[sim:tokens=${tokens}]]${cached}` };
    }
    case "fault":
      return { alias: anyBackend(), prompt: `${said} [[sim:tokens=${tokens}]] [[sim:fault=${pick(random, FAULTS)}]]` };
    case "fallback": {
      const alias = pick(random, Object.keys(FALLBACKS) as [keyof typeof FALLBACKS]);
      const where = pick(random, FALLBACKS[alias]);
      return { alias, prompt: `${said} [[sim:tokens=${tokens}]] [[sim:fault=${pick(random, EARLY_FAULTS)},${where}]]` };
    }
    case "cached": {
      const place = Math.floor(random() * 12);
      return {
        alias: pick(random, ["cached", "cached-claude"] as const),
        prompt: `asked again ${place} [[sim:tokens=${8 + place}]]`,
      };
    }
    case "leaving":
      return {
        alias: anyBackend(),
        prompt: `${said} [[sim:tokens=150]] [[sim:tps=150]]`,
        leavesAfterMs: Math.floor(random() ** 2 * 900),
      };
  }
}
