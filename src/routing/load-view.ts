import type { BackendLoad } from "../core/load.ts";
import type { SharedState } from "../core/ports.ts";

/**
 * What Redis last told this isolate of how its backends are, and what the queues before their seats last said to it. Holds an entry per backend of the
 * configuration, never more.
 */
export class LoadView {
  readonly #loads = new Map<string, BackendLoad>();
  readonly #freeAt = new Map<string, number>();

  /** What Redis has no word of any more is forgotten when it is not fresh any more. */
  learn({ loads = {} }: SharedState): void {
    for (const [backend, load] of Object.entries(loads)) this.#loads.set(backend, load);
  }

  of(backend: string): BackendLoad | undefined {
    return this.#loads.get(backend);
  }

  /** What the queue said to a request that got no seat; 0: to one that got one. */
  expectFree(backend: string, at: number): void {
    this.#freeAt.set(backend, at);
  }

  /** Milliseconds since the epoch; in the past where nothing is known. */
  freeAt(backend: string): number {
    return this.#freeAt.get(backend) ?? 0;
  }
}
