import type { Caller, Memory } from "./around.ts";
import { watched, watchOf } from "./compose.ts";
import { Desk } from "./desk.ts";
import type { Watch } from "./watch.ts";
import { askOf, type Parting, type Word } from "./words.ts";

/** The bindings of wrangler.toml; beside them what it takes to ask backends how they are, as the gateway has it. */
export interface SeatsEnvironment {
  readonly SEATS: DurableObjectNamespace;
  readonly [name: string]: unknown;
}

const TICK_MS = 250;
const MEMORY = "memory";
/** Its own name, for when the alarm wakes it. */
const BACKEND = "backend";
const PARTINGS: ReadonlySet<string> = new Set<Parting>(["left", "served", "stopped", "failed"]);

/**
 * The desk of one backend, behind sockets. It lives as long as anybody is there, and a little longer. Where the configuration says so it also asks
 * the backend how it is: each minute, more often while somebody is there or it is not well, and at once when an attempt at it failed.
 */
export class Seats {
  #desk: Desk | undefined;
  #ticking: boolean = false;
  readonly #state: DurableObjectState;
  readonly #env: SeatsEnvironment;
  #watch: { readonly of: string; readonly it: Watch | undefined } | undefined;

  constructor(state: DurableObjectState, env: SeatsEnvironment) {
    this.#state = state;
    this.#env = env;
    // Nothing is heard before this is done.
    void state.blockConcurrencyWhile(async () => {
      const memory = (await state.storage.get<Memory>(MEMORY)) ?? { busyUntil: 0, warmAt: 0 };
      this.#desk = new Desk({
        now: () => Date.now(),
        after: (delayMs, ring) => void setTimeout(ring, delayMs),
        memory,
        // Unconfirmed: nobody waits for it, and what it would lose is a second's caution.
        keep: (kept) => void state.storage.put(MEMORY, kept, { allowUnconfirmed: true }),
      });
    });
  }

  async fetch(request: Request): Promise<Response> {
    const desk = this.#desk;
    if (!desk) return new Response(null, { status: 503 });
    const watch = this.#watchOf(new URL(request.url).pathname.slice(1));
    const poll = request.headers.get("x-poll");
    if (poll === "evidence") {
      // Whoever brings it waits for nothing.
      this.#state.waitUntil(this.#ask(watch));
      return new Response(null, { status: 204 });
    }
    if (poll !== null) await this.#ask(watch);
    if (request.headers.get("upgrade") !== "websocket") {
      return Response.json({ ...desk.state(), ...(watch?.load && { load: watch.load }) });
    }
    const ask = askOf(request.headers.get("x-seat"));
    if (!ask) return new Response(null, { status: 400 });
    const { 0: theirs, 1: ours } = new WebSocketPair();
    ours.accept();
    const caller = callerOver(ours);
    ours.addEventListener("message", ({ data }) => desk.hear(ask.id, String(data)));
    ours.addEventListener("close", ({ reason }) => {
      desk.part(ask.id, caller, PARTINGS.has(reason) ? (reason as Parting) : "stopped");
      if (reason === "failed") void this.#ask(watch);
      hangUp(ours);
    });
    ours.addEventListener("error", () => desk.part(ask.id, caller, "stopped"));
    desk.come(ask, caller);
    this.#tick(desk, watch);
    return new Response(null, { status: 101, webSocket: theirs });
  }

  /** Whoever was full or down is asked until it is not, though nobody comes. */
  async alarm(): Promise<void> {
    const backend = await this.#state.storage.get<string>(BACKEND);
    if (backend !== undefined) await this.#ask(this.#watchOf(backend));
  }

  #watchOf(backend: string): Watch | undefined {
    if (!this.#desk) return undefined;
    if (this.#watch?.of !== backend) this.#watch = { of: backend, it: watchOf(backend, this.#env, this.#desk) };
    return this.#watch.it;
  }

  async #ask(watch: Watch | undefined): Promise<void> {
    if (!watch) return;
    await watch.ask();
    if (!watch.isUnwell) return;
    const { storage } = this.#state;
    if ((await storage.getAlarm()) !== null) return;
    await storage.put(BACKEND, this.#watch?.of);
    await storage.setAlarm(Date.now() + watch.everyMs);
  }

  /** While anybody is there. */
  #tick(desk: Desk, watch: Watch | undefined): void {
    if (watch?.isDue) void this.#ask(watch);
    if (this.#ticking || desk.isEmpty) return;
    this.#ticking = true;
    setTimeout(() => {
      this.#ticking = false;
      desk.tick();
      this.#tick(desk, watch);
    }, TICK_MS);
  }
}

/** Reached by the service binding of the gateway alone: it has no address of its own. `/<backend>` is that backend's desk. */
export default {
  fetch(request, { SEATS }) {
    const backend = new URL(request.url).pathname.slice(1);
    if (!/^[a-z0-9-]{1,64}$/.test(backend)) return new Response(null, { status: 404 });
    return SEATS.get(SEATS.idFromName(backend)).fetch(request);
  },

  async scheduled(_controller, { SEATS }) {
    const ask = (backend: string) =>
      SEATS.get(SEATS.idFromName(backend)).fetch(`https://seats/${backend}`, { headers: { "x-poll": "cron" } });
    await Promise.allSettled(watched.map(ask));
  },
} satisfies ExportedHandler<SeatsEnvironment>;

function callerOver(socket: WebSocket): Caller {
  return {
    say(word: Word) {
      try {
        socket.send(JSON.stringify(word));
      } catch {
        // It has just gone; its closing is told by the socket itself.
      }
    },
    hangUp: () => hangUp(socket),
  };
}

function hangUp(socket: WebSocket): void {
  try {
    socket.close(1000);
  } catch {
    // It is closed.
  }
}
