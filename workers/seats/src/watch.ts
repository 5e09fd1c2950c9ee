import type { HealthConfig } from "../../../src/core/config.ts";
import { type BackendLoad, loadStateOf } from "../../../src/core/load.ts";
import { hitShare, parseMetrics, parseServerLoad, type VllmMetrics } from "./vllm-health.ts";

/** A backend's reply; undefined: none. Never throws. */
export type Get = (path: string) => Promise<{ readonly status: number; readonly text: string } | undefined>;

export interface WatchParts {
  readonly rules: HealthConfig;
  readonly get: Get;
  /** Tells all gateways. Never throws. */
  tell(load: BackendLoad): Promise<unknown>;
  now(): number;
  pause(ms: number): Promise<unknown>;
}

/** However much is heard of failures. */
const LEAST_GAP_MS = 1_000;
/** Whatever waits for one step of the model only is no queue. */
const SECOND_LOOK_MS = 500;
/** What was told counts for so many readings … */
const FRESH_FOR = 3;
/**
 * … and at least until the next is told, however slow: two looks at `/health` and two at `/metrics` of 2 s each, the gap between these, and Redis.
 * Else a machine that is down would count as well, whenever it took longer to say so again.
 */
const LONGEST_READING_MS = 12_000;

/** Asks one backend how it is, and tells it. Whatever is neither a clear yes nor a clear no is not told: nobody knows, and nobody is kept away. */
export class Watch {
  readonly #parts: WatchParts;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #before: VllmMetrics | undefined;
  /** What was told last. */
  #load: BackendLoad | undefined;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  get load(): BackendLoad | undefined {
    return this.#load;
  }

  get everyMs(): number {
    return this.#parts.rules.everyMs;
  }

  /** Whether it should be asked again soon though no request comes: what keeps requests away must not outlast its reason. */
  get isUnwell(): boolean {
    return loadStateOf(this.#load, this.#parts.rules, this.#parts.now()) !== "well";
  }

  get isDue(): boolean {
    return this.#parts.now() - this.#askedAt >= this.everyMs;
  }

  /** Asks now, unless that was just done. Resolves when it was told. */
  async ask(): Promise<void> {
    if (this.#asking) return this.#asking;
    const now = this.#parts.now();
    if (now - this.#askedAt < LEAST_GAP_MS) return;
    this.#askedAt = now;
    this.#asking = this.#read().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #read(): Promise<void> {
    const { get, now, rules, tell } = this.#parts;
    const isDown = (reply: Awaited<ReturnType<Get>>): boolean => reply === undefined || reply.status >= 500;
    let health = await get("/health");
    // One long step of the model, or one lost packet, is no outage.
    if (isDown(health)) health = await get("/health");
    const readAt = now();
    const { everyMs } = rules;
    /** As it is told, for a reading takes its time. */
    const fresh = () => ({
      readAt,
      freshUntil: now() + Math.max(FRESH_FOR * everyMs, everyMs + LONGEST_READING_MS),
    });
    if (health === undefined || isDown(health)) {
      this.#before = undefined;
      this.#load = { up: false, ...fresh() };
    } else if (health.status >= 200 && health.status < 300) {
      const numbers = await this.#numbers();
      this.#load = { up: true, ...numbers, ...fresh() };
    } else {
      // Not vLLM's own word: a login page, a path that is not there.
      this.#load = undefined;
      return;
    }
    await tell(this.#load);
  }

  async #numbers(): Promise<Pick<BackendLoad, "running" | "waiting" | "kvCache" | "prefixHits">> {
    const [metrics, load] = await Promise.all([this.#parts.get("/metrics"), this.#parts.get("/load")]);
    const told = metrics?.status === 200 ? parseMetrics(metrics.text) : {};
    const { running = load?.status === 200 ? parseServerLoad(load.text) : undefined, kvCache } = told;
    const waiting = await this.#lasting(told.waiting);
    const prefixHits = hitShare(told, this.#before);
    this.#before = told;
    return {
      ...(running !== undefined && { running }),
      ...(waiting !== undefined && { waiting }),
      ...(kvCache !== undefined && { kvCache }),
      ...(prefixHits !== undefined && { prefixHits }),
    };
  }

  /** A request is counted as waiting until the engine's next step, also where nothing is full: of two looks the smaller number counts. */
  async #lasting(waiting: number | undefined): Promise<number | undefined> {
    if (!waiting) return waiting;
    await this.#parts.pause(SECOND_LOOK_MS);
    const metrics = await this.#parts.get("/metrics");
    const again = metrics?.status === 200 ? parseMetrics(metrics.text).waiting : undefined;
    return Math.min(waiting, again ?? waiting);
  }
}
