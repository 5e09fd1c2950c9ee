import type { Alarm, Place, Seat, SeatReply, SeatRequest, Seats, SeatWait } from "../core/ports.ts";
import { seldom } from "../lib/seldom.ts";

/** What is used of the service binding to workers/seats. */
export interface SeatsBinding {
  fetch(
    url: string,
    init: { readonly headers: Readonly<Record<string, string>> },
  ): Promise<{ readonly webSocket: DeskSocket | null; readonly status: number }>;
}

/** What is used of a Worker's WebSocket. */
export interface DeskSocket {
  accept(): void;
  send(text: string): void;
  close(code: number, reason: string): void;
  addEventListener(type: "message", hear: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", hear: (event: { readonly code: number }) => void): void;
  addEventListener(type: "error", hear: () => void): void;
}

/** A first word later than this is none. */
const FIRST_WORD_MS = 3_000;
/** A socket that is lost is opened again so often, waiting longer each time: the desk starts anew, and asks who is there. */
const RETURNS_MS = [50, 400, 1_500] as const;
/** An outage is one piece of news, however many meet with it. */
const SUSPECTS_EVERY_MS = 1_000;
/** The desk hung up on purpose. */
const GOODBYE = 1_000;

/** Undefined where the environment has no such binding. */
export function seatsOver(binding: unknown): Seats | undefined {
  if (!isBinding(binding)) return undefined;
  const isNews = seldom(SUSPECTS_EVERY_MS, Date.now);
  return {
    take: (request, alarm, hear) => new Lease(binding, request, alarm, hear),
    suspect(backend) {
      if (!isNews(backend)) return undefined;
      return binding.fetch(`https://seats/${backend}`, { headers: { "x-poll": "evidence" } }).catch(() => undefined);
    },
  };
}

function isBinding(binding: unknown): binding is SeatsBinding {
  return typeof binding === "object" && binding !== null && "fetch" in binding && typeof binding.fetch === "function";
}

/** What the desk says; its side of it is in workers/seats/src/words.ts. */
type Word =
  | Place
  | { readonly ping: true }
  | { readonly seated: true; readonly probe: boolean }
  | { readonly refused: "full" | "shed" | "wait"; readonly retryAfterMs?: number };

/**
 * One request's socket to the desk of a backend: it waits, it sits, it gives the seat back by closing. Where the desk is lost it asks
 * again, with its time in the queue, or says that it sits. Never throws.
 */
class Lease implements SeatWait, Seat {
  readonly outcome: Promise<SeatReply>;
  readonly #binding: SeatsBinding;
  readonly #request: SeatRequest;
  readonly #alarm: Alarm;
  readonly #hear: (place: Place) => void;
  readonly #askedAt = Date.now();
  /** A request may sit more than once: a try of it may still be stopping when the next one asks. */
  readonly #id = crypto.randomUUID();
  #resolve: (reply: SeatReply) => void = () => undefined;
  #socket: DeskSocket | undefined;
  #state: "waits" | "sits" | "over" = "waits";
  #isProbe: boolean = false;
  #returns = 0;
  #inTime: () => void = () => undefined;

  constructor(binding: SeatsBinding, request: SeatRequest, alarm: Alarm, hear: (place: Place) => void) {
    this.#binding = binding;
    this.#request = request;
    this.#alarm = alarm;
    this.#hear = hear;
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    void this.#open();
  }

  leave(): void {
    if (this.#state === "waits") this.#end({ kind: "left" }, "left");
  }

  answered(): void {
    if (this.#isProbe) this.#say("answered");
    this.#isProbe = false;
  }

  release(how: "served" | "stopped" | "failed"): void {
    if (this.#state === "sits") this.#end(undefined, how);
  }

  async #open(): Promise<void> {
    const { backend, patienceMs, ...rest } = this.#request;
    const waitedMs = Date.now() - this.#askedAt;
    const ask = {
      ...rest,
      id: this.#id,
      patienceMs: Math.max(0, patienceMs - waitedMs),
      waitedMs,
      sits: this.#state === "sits",
    };
    this.#inTime = this.#alarm.after(FIRST_WORD_MS, () => this.#lost("silent"));
    try {
      const { webSocket: socket, status } = await this.#binding.fetch(`https://seats/${backend}`, {
        headers: { upgrade: "websocket", "x-seat": JSON.stringify(ask) },
      });
      if (!socket) return this.#lost(`status_${status}`);
      socket.addEventListener("message", ({ data }) => this.#heard(String(data)));
      socket.addEventListener("close", ({ code }) => this.#closed(socket, code));
      socket.addEventListener("error", () => this.#closed(socket, 0));
      socket.accept();
      this.#socket = socket;
      // Whoever left while the door was opening.
      if (this.#state === "over") socket.close(GOODBYE, "stopped");
      else if (this.#state === "sits") this.#inTime();
    } catch {
      this.#lost("connect");
    }
  }

  #heard(text: string): void {
    const word: Word = JSON.parse(text);
    this.#inTime();
    if ("ping" in word) this.#say(".");
    else if (this.#state !== "waits") return;
    else if ("seated" in word) {
      this.#state = "sits";
      this.#isProbe = word.probe === true;
      this.#returns = 0;
      this.#resolve({ kind: "seated", seat: this });
    } else if ("refused" in word) {
      const { refused: why, retryAfterMs } = word;
      this.#end({ kind: "refused", why, ...(retryAfterMs !== undefined && { retryAfterMs }) }, "left");
    } else this.#hear(word);
  }

  #closed(socket: DeskSocket, code: number): void {
    if (socket !== this.#socket || this.#state === "over") return;
    this.#socket = undefined;
    // A seat that was taken away at the end of its lease is not asked for again.
    if (code === GOODBYE) this.#end({ kind: "unavailable", detail: "closed" }, "stopped");
    else this.#lost("lost");
  }

  #lost(detail: string): void {
    this.#inTime();
    if (this.#state === "over") return;
    const delayMs = detail === "silent" ? undefined : RETURNS_MS[this.#returns++];
    if (delayMs === undefined) this.#end({ kind: "unavailable", detail }, "stopped");
    else this.#alarm.after(delayMs, () => this.#state !== "over" && void this.#open());
  }

  #end(reply: SeatReply | undefined, parting: string): void {
    this.#state = "over";
    this.#inTime();
    if (reply) this.#resolve(reply);
    try {
      this.#socket?.close(GOODBYE, parting);
    } catch {
      // It is closed.
    }
  }

  #say(text: string): void {
    try {
      this.#socket?.send(text);
    } catch {
      // Its closing comes next.
    }
  }
}
