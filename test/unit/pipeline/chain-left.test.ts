import { expect, it } from "vitest";
import type { Route } from "../../../src/core/config.ts";
import { answers, ask, type Behaviour, breaksOff, configOf, waited } from "../../support/chain.ts";

const late =
  (behaviour: Behaviour, ms: number): Behaviour =>
  async (signal, call) => {
    await waited(ms);
    return behaviour(signal, call);
  };

const steps = (first: string) =>
  configOf(`
  chat:
    targets: [{backend: ${first}, model: small}]
    fallbacks: [{backend: b, model: large}, {backend: c, model: large}]`);
const [plain, json] = [steps("a"), steps("json")];
// A long question and a short answer: two of them cost nearly twice as much as one, and no request costs more than was reserved.
const asks = { says: "word ".repeat(1_000), more: { max_tokens: 4 } };

// planted: booked whether or not another may follow
it("is not booked of a backend that was to stream, unless it is the last: as with a stream, nothing is owed before its first token", async () => {
  const world = { a: breaksOff, b: breaksOff, c: answers("c"), json: breaksOff };
  for (const [config, stream] of [
    [plain, true],
    [plain, false],
    [json, true],
  ] as const) {
    const { event } = await ask(config, world, { ...asks, stream });
    expect([event.outcome, event.attempts.map(({ costNanoUsd }) => costNanoUsd > 0)]).toEqual([
      "completed",
      [false, false, true],
    ]);
  }
  const none = await ask(plain, { ...world, c: breaksOff }, asks);
  expect([none.status, none.event.attempts.map(({ costNanoUsd }) => costNanoUsd > 0)]).toEqual([
    502,
    [false, false, true],
  ]);
  const hedged = { ...plain, routes: { chat: { ...(plain.routes.chat as Route), hedge: { afterMs: 0, share: 1 } } } };
  const both = await ask(hedged, { ...world, a: late(breaksOff, 40), b: late(breaksOff, 60) }, asks);
  expect([both.asked, both.event.outcome]).toEqual([["a", "b", "c"], "completed"]);
});
