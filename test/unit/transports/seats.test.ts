import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Alarm, Place, SeatReply, SeatRequest } from "../../../src/core/ports.ts";
import { seatsOver } from "../../../src/transports/seats.ts";

/** The gateway's end of one socket, and what the desk at the other does with it. */
class PlayedSocket extends EventTarget {
  readonly sent: string[] = [];
  closedWith: { readonly code: number; readonly reason: string } | undefined;
  accept(): void {}
  send(text: string): void {
    this.sent.push(text);
  }
  close(code: number, reason: string): void {
    this.closedWith = { code, reason };
  }
  say(word: object): void {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(word) }));
  }
  hangUp(code: number): void {
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}

const REQUEST: SeatRequest = {
  backend: "home",
  tenant: "acme",
  rank: 0,
  seats: 1,
  patienceMs: 10_000,
  leaseMs: 60_000,
  rules: { count: 4, queue: 10, lowerShare: 0.1, coldAfterMs: 240_000 },
};

const alarm: Alarm = {
  after(delayMs, ring) {
    const timer = setTimeout(ring, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A desk that opens its door as `doors` say, one after the other: at once, never, or when it is told. */
function take(doors: readonly ("open" | "shut" | Promise<void>)[] = ["open", "open", "open", "open", "open"]) {
  const asked: Record<string, unknown>[] = [];
  const sockets: PlayedSocket[] = [];
  const places: Place[] = [];
  let reply: SeatReply | undefined;
  const seats = seatsOver({
    async fetch(_url: string, { headers }: { headers: Record<string, string> }) {
      const door = doors[asked.length];
      asked.push(JSON.parse(headers["x-seat"] ?? "{}") as Record<string, unknown>);
      if (door === "shut") throw new Error("no desk");
      await door;
      const socket = new PlayedSocket();
      sockets.push(socket);
      return { webSocket: socket, status: 101 };
    },
  });
  const wait = seats?.take(REQUEST, alarm, (place) => places.push(place));
  void wait?.outcome.then((one) => {
    reply = one;
  });
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  return { wait, asked, sockets, places, reply: () => reply, pass };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("waits, is told its place, sits, and gives the seat back with a word", async () => {
  const { sockets, places, reply, pass } = take();
  await pass(0);
  sockets[0]?.say({ place: 3, aboutMs: 900 });
  sockets[0]?.say({ ping: true });
  sockets[0]?.say({ seated: true, probe: true });
  await pass(0);
  const seated = reply();
  if (seated?.kind !== "seated") throw new Error(`${seated?.kind}`);
  seated.seat.answered();
  seated.seat.answered();
  seated.seat.release("served");
  expect(places).toEqual([{ place: 3, aboutMs: 900 }]);
  // A desk that waits for the probe is told of its first token once.
  expect(sockets[0]?.sent).toEqual([".", "answered"]);
  expect(sockets[0]?.closedWith).toEqual({ code: 1_000, reason: "served" });
});

// planted: who comes again starts to wait anew; who comes again has another id
test("comes again where the desk is lost, with its time in the queue, then as one who sits", async () => {
  const { asked, sockets, reply, pass } = take();
  await pass(4_000 - 3_000);
  sockets[0]?.say({ place: 1 });
  sockets[0]?.hangUp(1_006);
  await pass(50);
  expect(asked[1]).toMatchObject({ id: asked[0]?.id, waitedMs: 1_050, patienceMs: 8_950, sits: false });
  sockets[1]?.say({ seated: true, probe: false });
  await pass(0);
  expect(reply()?.kind).toBe("seated");
  sockets[1]?.hangUp(1_006);
  await pass(50);
  expect(asked[2]).toMatchObject({ id: asked[0]?.id, sits: true });
  expect(asked.length).toBe(3);
});

// planted: the door is tried for ever
test("goes on without a seat where the desk stays away", async () => {
  const { asked, reply, pass } = take(["shut", "shut", "shut", "shut", "shut"]);
  await pass(50 + 400 + 1_500 - 1);
  expect(reply()).toBeUndefined();
  await pass(1);
  expect(reply()).toEqual({ kind: "unavailable", detail: "connect" });
  expect(asked.length).toBe(4);
});

// planted: no time for the first word
test("goes on without a seat where the desk says nothing", async () => {
  const { asked, reply, pass } = take();
  await pass(3_000);
  expect(reply()).toEqual({ kind: "unavailable", detail: "silent" });
  expect(asked.length).toBe(1);
});

// planted: the socket that comes late stays open
test("closes a socket that opens when nobody waits any more", async () => {
  let open = () => {};
  const door = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { wait, sockets, reply, pass } = take([door]);
  wait?.leave();
  await pass(0);
  expect(reply()).toEqual({ kind: "left" });
  open();
  await pass(0);
  expect(sockets[0]?.closedWith).toEqual({ code: 1_000, reason: "stopped" });
});

// planted: a seat that was taken away is asked for again
test("does not ask again for a seat that was taken away", async () => {
  const { asked, sockets, pass } = take();
  await pass(0);
  sockets[0]?.say({ seated: true, probe: false });
  await pass(0);
  sockets[0]?.hangUp(1_000);
  await pass(10_000);
  expect(asked.length).toBe(1);
});

test("is refused with the reason and when to come back", async () => {
  const { sockets, reply, pass } = take();
  await pass(0);
  sockets[0]?.say({ refused: "wait", retryAfterMs: 4_200 });
  await pass(0);
  expect(reply()).toEqual({ kind: "refused", why: "wait", retryAfterMs: 4_200 });
  expect(sockets[0]?.closedWith).toEqual({ code: 1_000, reason: "left" });
});
