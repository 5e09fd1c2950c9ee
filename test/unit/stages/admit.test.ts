import { expect, it } from "vitest";
import type { KeySnapshot } from "../../../src/core/identity.ts";
import type { AdmissionReply, LevelCharge, Unseeded } from "../../../src/core/ports.ts";
import { principalCache } from "../../../src/stores/isolate/principals.ts";
import { begin } from "../../support/pipeline.ts";

const TOKEN = `gw_${"a".repeat(16)}_${"B".repeat(43)}`;
const STALE: AdmissionReply = { kind: "stale-key", ioMs: 0 };
const ADMITTED: AdmissionReply = { kind: "admitted", ioMs: 0, rate: {}, shared: { breakers: {} } };
const SNAPSHOT: KeySnapshot = {
  keyId: "a".repeat(16),
  hash: "h",
  pepperVersion: 1,
  tenant: "played",
  tier: "open",
  scopes: ["inference"],
  version: 1,
};

/** The status of a request whose key changed, as Redis says, between being read and being admitted. */
async function statusAfterChange(changed: Partial<KeySnapshot>): Promise<number> {
  const replies = [STALE, ADMITTED];
  const playing = begin(
    { caller: "openai-chat", backend: "openai-chat", stream: false },
    () => Response.json({}, { status: 400 }),
    {
      principals: principalCache(1),
      keys: {
        load: async (_id, fresh) => ({ kind: "found", snapshot: fresh ? { ...SNAPSHOT, ...changed } : SNAPSHOT }),
      },
      verifySecret: async () => true,
      admission: {
        admit: async () => replies.shift() ?? ADMITTED,
        settle: async () => ({ kind: "settled", ioMs: 0 }),
      },
    },
    TOKEN,
  );
  const { status } = await playing.reply;
  await playing.settled();
  return status;
}

// planted: the scope asked for when the key was first read, and not when it was read again
it("refuses a key that lost its scope or its model while the isolate held it", async () => {
  expect(await statusAfterChange({ version: 2 })).toBe(400);
  expect(await statusAfterChange({ version: 2, scopes: [] })).toBe(403);
  expect(await statusAfterChange({ version: 2, allowedModels: ["another"] })).toBe(403);
});

/** The status of a request whose budget Redis cannot count at first, how often it was asked, and about what the ledger was. */
async function statusWithoutSum(isSeeded: boolean) {
  const level: LevelCharge = { level: "key", subject: "k", limits: { budget: { limitNanoUsd: 1, period: "day" } } };
  const unseeded: Unseeded = { now: 5, generation: "1", levels: [level] };
  const asked: (readonly [string, Unseeded])[] = [];
  let admissions = 0;
  const playing = begin(
    { caller: "openai-chat", backend: "openai-chat", stream: false },
    () => Response.json({}, { status: 400 }),
    {
      budgets: {
        seed: async (tenant, what) => {
          asked.push([tenant, what]);
          return isSeeded;
        },
      },
      admission: {
        admit: async () => (admissions++ === 0 ? { kind: "money-unseeded", unseeded, ioMs: 0 } : ADMITTED),
        settle: async () => ({ kind: "settled", ioMs: 0 }),
      },
    },
  );
  const { status } = await playing.reply;
  await playing.settled();
  expect(asked).toEqual([["played", unseeded]]);
  return { status, admissions };
}

// planted: a budget without a sum was asked for again until it was one, whether the ledger answered or not
it("gives a budget that Redis cannot count the ledger's sum and goes on, or stays closed", async () => {
  expect(await statusWithoutSum(true)).toEqual({ status: 400, admissions: 2 });
  expect(await statusWithoutSum(false)).toEqual({ status: 503, admissions: 1 });
});
