import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SeatsWorker, startSeatsWorker, until } from "../../support/seats-worker.ts";

/** The real Worker and its Durable Object on workerd. */
let worker: SeatsWorker;
beforeAll(async () => {
  worker = await startSeatsWorker();
});
afterAll(() => worker?.stop());

const stateOf = (backend: string) => worker.state(backend);
const sit: SeatsWorker["sit"] = (backend, more) => worker.sit(backend, more);

// planted: no listener for a socket that is lost
it("gives the seat of one who died to the next, and lets those who died waiting go", async () => {
  const first = await sit("home");
  await until(() => first.said().includes('"seated":true'));
  const second = await sit("home");
  const third = await sit("home");
  await until(() => third.said().includes('"place":2'));
  second.socket.resetAndDestroy();
  await until(async () => (await stateOf("home")).waiting === 1);
  first.socket.resetAndDestroy();
  await until(() => third.said().includes('"seated":true'));
  expect(await stateOf("home")).toMatchObject({ count: 1, taken: 1, waiting: 0 });
  third.socket.destroy();
  await until(async () => (await stateOf("home")).taken === 0);
});

// planted: who comes again sits a second time; the old socket's end taken for the request's
it("keeps one seat for a request that opens its socket again, whichever end sees first that it was lost", async () => {
  const seen = await sit("again", { id: "one" });
  await until(() => seen.said().includes('"seated":true'));
  seen.socket.resetAndDestroy();
  await pause(50);
  const unseen = await sit("again", { id: "one", sits: true });
  await pause(500);
  expect(await stateOf("again")).toMatchObject({ taken: 1 });
  const last = await sit("again", { id: "one", sits: true });
  unseen.socket.resetAndDestroy();
  await pause(500);
  expect(await stateOf("again")).toMatchObject({ taken: 1 });
  last.socket.destroy();
  await until(async () => (await stateOf("again")).taken === 0);
});

// planted: one object for all backends
it("has a desk for each backend", async () => {
  const one = await sit("one");
  await until(() => one.said().includes("seated"));
  const other = await sit("other");
  await until(() => other.said().includes("seated"));
  for (const { socket } of [one, other]) socket.destroy();
});

// planted: nothing kept on disk
it("remembers over a restart that it was busy", async () => {
  const sits = await sit("kept");
  await until(() => sits.said().includes("seated"));
  // Written without anybody waiting for it.
  await pause(500);
  await worker.process.kill();
  await worker.process.whenReady();
  const newcomer = await sit("kept");
  await until(() => newcomer.said().includes('"place":1'));
  const again = await sit("kept", { sits: true });
  await pause(2_000);
  expect(newcomer.said()).not.toContain("seated");
  again.socket.destroy();
  await until(() => newcomer.said().includes("seated"));
  newcomer.socket.destroy();
});

it("answers what it cannot read with an error", async () => {
  expect((await fetch(`${worker.url()}/`)).status).toBe(404);
  expect((await fetch(`${worker.url()}/Not/A/Backend`)).status).toBe(404);
  for (const name of ["rank", "seats", "leaseMs"])
    await expect(sit("home", { [name]: Number.NaN })).rejects.toThrow("status 400");
});
