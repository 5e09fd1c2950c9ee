import type { BackendLoad } from "../core/load.ts";
import type { SharedState } from "../core/ports.ts";

/** What Redis last told this isolate of how its backends are. Holds an entry per backend of the configuration, never more. */
export class LoadView {
  readonly #loads = new Map<string, BackendLoad>();

  /** What Redis has no word of any more is forgotten when it is not fresh any more. */
  learn({ loads = {} }: SharedState): void {
    for (const [backend, load] of Object.entries(loads)) this.#loads.set(backend, load);
  }

  of(backend: string): BackendLoad | undefined {
    return this.#loads.get(backend);
  }
}
