import type { ServerResponse } from "node:http";

/** Watches for the client's leaving, and waits without outliving it. One waiter at a time, as one player performs one response. */
export class Departure {
  gone: boolean = false;
  /** When the close was seen, in epoch milliseconds; also set by our own cut. */
  goneAtMs: number | undefined;
  private wake: (() => void) | undefined;

  constructor(response: ServerResponse) {
    response.once("close", () => {
      this.gone = true;
      this.goneAtMs = Date.now();
      this.wake?.();
    });
  }

  /** Resolves after so many milliseconds or on departure, whichever is first. Infinity waits for the departure alone. */
  sleep(milliseconds: number): Promise<void> {
    return this.until((proceed) => {
      if (milliseconds === Number.POSITIVE_INFINITY) return undefined;
      const timer = setTimeout(proceed, milliseconds);
      return () => clearTimeout(timer);
    });
  }

  /** Resolves when `arm`'s callback is called, or on departure; what `arm` returns undoes it. */
  until(arm: (proceed: () => void) => (() => void) | undefined): Promise<void> {
    if (this.gone) return Promise.resolve();
    return new Promise((resolve) => {
      let disarm: (() => void) | undefined;
      const proceed = () => {
        this.wake = undefined;
        disarm?.();
        resolve();
      };
      this.wake = proceed;
      disarm = arm(proceed);
    });
  }
}
