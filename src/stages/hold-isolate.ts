import type { Received } from "../core/exchange.ts";

/** The isolate, kept for one exchange. */
export interface HeldIsolate {
  /** Runs admission; the isolate is let go where it refuses or breaks. */
  during<Admission extends { readonly ok: boolean }>(admitting: Promise<Admission>): Promise<Admission>;
  /** From here on it is kept until this is over. */
  until(settled: Promise<void>): void;
}

/**
 * Registered with the runtime before Redis is asked: of a client that leaves before Redis has answered, the runtime drops the request, and what Redis
 * reserved would stay until the lease ends. Held, it is settled like any other.
 */
export function holdIsolate({ waitUntil }: Pick<Received, "waitUntil">): HeldIsolate {
  const over = Promise.withResolvers<void>();
  waitUntil(over.promise);
  return {
    async during(admitting) {
      let admitted = false;
      try {
        const admission = await admitting;
        admitted = admission.ok;
        return admission;
      } finally {
        if (!admitted) over.resolve();
      }
    },
    until: over.resolve,
  };
}
