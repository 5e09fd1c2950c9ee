import { breakerOf, byHand, probeMs } from "../core/breaker.ts";
import type { Config, Route, Target } from "../core/config.ts";
import type { Price } from "../core/money.ts";
import type { TokenizerFamily } from "../core/tokenizers.ts";
import { dearestPrice, standingSteps } from "../routing/plan.ts";
import { leadsTo } from "../routing/triggers.ts";
import { wires } from "../wire/registry.ts";
import type { StreamingStep } from "./streamed.ts";

/** What a route means under a config, whoever asks: worked out once. */
export interface Standing {
  readonly priceCeiling: Price;
  /** The longest that a request can run: its slowest permitted attempt and the repairs of its answer, behind the whole delay budget. */
  readonly leaseMs: number;
  /** By which the permitted targets count; the input is as long as the one says that says most. */
  readonly tokenizers: readonly TokenizerFamily[];
  /** How long the first step's probe may take before another is made. */
  readonly probeMs: number;
  /** The targets' breakers, without those that an operator holds. */
  readonly targetBreakers: readonly string[];
  /** Those of the targets and of the fallbacks. */
  readonly breakers: readonly string[];
  /** Backends among them that are asked how they are. */
  readonly loads: readonly string[];
  readonly chain: Chain;
}

/** What may be asked one after the other. */
export interface Chain {
  readonly length: number;
  /** Steps that stand for what a content filter stopped. */
  readonly filters: number;
  /** Steps behind which another may stand. */
  readonly leavable: readonly StreamingStep[];
}

interface Known {
  readonly available: ReadonlySet<string>;
  readonly byRoute: Map<Route, Standing>;
}

/** A config that changes is another object, and takes what was known with it. */
const known = new WeakMap<Config, Known>();

export function standingOf(route: Route, config: Config, available: ReadonlySet<string>): Standing {
  let held = known.get(config);
  if (held?.available !== available) {
    held = { available, byRoute: new Map() };
    known.set(config, held);
  }
  let standing = held.byRoute.get(route);
  if (!standing) {
    standing = workOut(route, config, available);
    held.byRoute.set(route, standing);
  }
  return standing;
}

function breakersOf(targets: readonly Target[], config: Config): readonly string[] {
  return [...new Set(targets.filter((target) => byHand(config, target) === undefined).map(breakerOf))];
}

function chainOf(route: Route, config: Config, availableBackends: ReadonlySet<string>): Chain {
  const steps = standingSteps(route, { config, availableBackends });
  // Any of the targets may come last, and fallbacks stand in their order.
  const others = steps.at(-1)?.isFallback ? steps.slice(0, -1) : steps;
  return {
    length: steps.length,
    filters: steps.filter(({ target }) => leadsTo(target, "filter")).length,
    leavable: others.map(({ backend: { collectJson, deadlines }, wire }) => ({
      streams: wires[wire].streams,
      collectJson,
      totalMs: route.deadlines?.totalMs ?? deadlines.totalMs,
      // Asked as the last of its chain it is JSON again, and then nobody is left to leave it for.
      isFollowed: true,
    })),
  };
}

function probeMsOf({ backend }: Target, { deadlines }: Route, config: Config): number {
  const asked = config.backends[backend];
  return asked ? probeMs({ ...asked, deadlines: { ...asked.deadlines, ...deadlines } }) : 0;
}

function workOut(route: Route, config: Config, available: ReadonlySet<string>): Standing {
  const targets = [...route.targets, ...route.fallbacks];
  const totalsMs = targets.map(
    ({ backend }) => route.deadlines?.totalMs ?? config.backends[backend]?.deadlines.totalMs ?? 0,
  );
  const families = new Set(
    targets.filter(({ backend }) => available.has(backend)).map(({ tokenizer }) => tokenizer ?? "other"),
  );
  return {
    tokenizers: [...families],
    priceCeiling: dearestPrice(route, config, available),
    leaseMs:
      Math.max(...totalsMs) * (1 + (route.validateStructured?.repairs ?? 0)) +
      route.delayBudgetMs +
      config.leaseMarginMs,
    probeMs: Math.max(1_000, ...route.targets.map((target) => probeMsOf(target, route, config))),
    targetBreakers: breakersOf(route.targets, config),
    breakers: breakersOf(targets, config),
    loads: [...new Set(targets.map(({ backend }) => backend))].filter(
      (name) => available.has(name) && config.backends[name]?.health !== undefined,
    ),
    chain: chainOf(route, config, available),
  };
}
