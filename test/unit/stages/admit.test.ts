import { expect, it } from "vitest";
import type { KeySnapshot } from "../../../src/core/identity.ts";
import type { AdmissionReply } from "../../../src/core/ports.ts";
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
