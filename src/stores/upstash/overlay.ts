import type { Overlay } from "../../core/config.ts";
import type { OverlayStore } from "../../core/ports.ts";
import { OVERLAY, OVERLAY_VERSION } from "./keys.ts";
import type { Link } from "./link.ts";
import { jsonOf } from "./replies.ts";
import { scripts } from "./scripts.ts";

/** The overlay as JSON in Redis. `read` makes an overlay of what JSON gave, or undefined where it is none. */
export class UpstashOverlay implements OverlayStore {
  readonly #link: Link;
  readonly #read: (value: unknown) => Overlay | undefined;

  constructor(link: Link, read: (value: unknown) => Overlay | undefined) {
    this.#link = link;
    this.#read = read;
  }

  async load(): Promise<Overlay | undefined> {
    const answer = await this.#link.run([["GET", OVERLAY]]);
    const value = answer.ok ? jsonOf(answer.replies[0]?.result) : undefined;
    return value === undefined ? undefined : this.#read(value);
  }

  /** True once Redis holds it; false where Redis is away or holds a newer one. Every admission then tells isolates the version. */
  async publish(overlay: Overlay): Promise<boolean> {
    const answer = await this.#link.run([
      {
        script: scripts.publishOverlay,
        keys: [OVERLAY_VERSION, OVERLAY],
        args: [String(overlay.version), JSON.stringify(overlay)],
      },
    ]);
    return answer.ok && answer.replies[0]?.result === 1;
  }
}
