import { type Caller, Desk, type Memory } from "./desk.ts";
import type { Ask, Parting, Word } from "./words.ts";

/** The bindings of wrangler.toml. */
export interface SeatsEnvironment {
  readonly SEATS: DurableObjectNamespace;
}

const TICK_MS = 250;
const MEMORY = "memory";
const PARTINGS: ReadonlySet<string> = new Set<Parting>(["left", "served", "stopped", "failed"]);

/** The desk of one backend, behind sockets. It lives as long as anybody is there, and a little longer. */
export class Seats {
  #desk: Desk | undefined;
  #ticking: boolean = false;

  constructor(state: DurableObjectState) {
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

  fetch(request: Request): Response {
    const desk = this.#desk;
    if (!desk) return new Response(null, { status: 503 });
    if (request.headers.get("upgrade") !== "websocket") return Response.json(desk.state());
    const ask = askOf(request.headers.get("x-seat"));
    if (!ask) return new Response(null, { status: 400 });
    const { 0: theirs, 1: ours } = new WebSocketPair();
    ours.accept();
    ours.addEventListener("message", ({ data }) => desk.hear(ask.id, String(data)));
    ours.addEventListener("close", ({ reason }) => {
      desk.part(ask.id, PARTINGS.has(reason) ? (reason as Parting) : "stopped");
      hangUp(ours);
    });
    ours.addEventListener("error", () => desk.part(ask.id, "stopped"));
    desk.come(ask, callerOver(ours));
    this.#tick(desk);
    return new Response(null, { status: 101, webSocket: theirs });
  }

  /** While anybody is there. */
  #tick(desk: Desk): void {
    if (this.#ticking || desk.isEmpty) return;
    this.#ticking = true;
    setTimeout(() => {
      this.#ticking = false;
      desk.tick();
      this.#tick(desk);
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
} satisfies ExportedHandler<SeatsEnvironment>;

/** Gateways write it; only what would do harm if it were missing is looked at. */
function askOf(header: string | null): Ask | undefined {
  try {
    const ask: Partial<Ask> = JSON.parse(header ?? "");
    const { id, tenant, rank, rules } = ask;
    const isWhole =
      typeof id === "string" && typeof tenant === "string" && Number.isFinite(rank) && typeof rules === "object";
    return isWhole ? (ask as Ask) : undefined;
  } catch {
    return undefined;
  }
}

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
