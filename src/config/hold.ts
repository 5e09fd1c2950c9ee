import type { BaseConfig, Config, Overlay } from "../core/config.ts";
import type { Clock, OverlayStore, SharedState } from "../core/ports.ts";
import type { Result } from "../core/result.ts";
import { resolve } from "./resolve.ts";

/** Where overlays are kept for good, for the day when Redis has forgotten them. */
export interface OverlayArchive {
  /** The newest overlay that was ever published; undefined where there was none. */
  current(): Promise<Result<Overlay | undefined>>;
  /** Puts it back where all isolates look. Harmless where a newer one stands. */
  publish(overlay: Overlay): Promise<unknown>;
}

export interface HeldConfig {
  config(): Config;
  /** Hears what Redis says of the overlay, with every admission; refreshes in the background where that is newer, or nothing. */
  notice(shared: SharedState, waitUntil: (promise: Promise<unknown>) => void): void;
}

/** Between two loads of a newer overlay: the first may have died with its request. */
const RELOAD_MS = 500;
/** Between two questions to the archive while it does not answer. */
const ASK_AGAIN_MS = 10_000;
/** Says in Redis that no overlay was ever published, so that no other isolate asks the archive. */
const NONE: Overlay = { version: 0 };

/** The config version of one isolate: the base, and over it the newest overlay that it has heard of. It never goes back to an older one. */
export function holdConfig(
  base: BaseConfig,
  overlays: OverlayStore,
  archive: OverlayArchive,
  clock: Clock,
): HeldConfig {
  let config: Config = resolve(base, undefined).config;
  let loadingSince = 0;
  let askArchiveAt = 0;

  const take = (overlay: Overlay | undefined): void => {
    if (overlay && overlay.version > config.overlayVersion) config = resolve(base, overlay).config;
  };

  /** Redis was flushed, or is new. */
  async function restore(): Promise<void> {
    const kept = await archive.current();
    if (!kept.ok) return;
    askArchiveAt = Number.POSITIVE_INFINITY;
    take(kept.value);
    await archive.publish(kept.value ?? NONE);
  }

  return {
    config: () => config,
    notice({ overlayVersion }, waitUntil) {
      const now = clock.now();
      if (overlayVersion === undefined) {
        if (now < askArchiveAt) return;
        askArchiveAt = now + ASK_AGAIN_MS;
        waitUntil(restore());
        return;
      }
      // What Redis knows now it may forget again.
      askArchiveAt = 0;
      if (overlayVersion <= config.overlayVersion || now - loadingSince < RELOAD_MS) return;
      loadingSince = now;
      waitUntil(overlays.load().then(take));
    },
  };
}
