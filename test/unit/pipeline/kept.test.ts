import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Principal } from "../../../src/core/identity.ts";
import type { KeptAnswers } from "../../../src/core/ports.ts";
import { principalCache } from "../../../src/stores/isolate/principals.ts";
import { eventStream, type Played, play } from "../../support/pipeline.ts";

/** Responses that a tenant lets be kept, and requests that go on from them. Redis is played by a map. */

const WIRE = join(import.meta.dirname, "..", "..", "fixtures", "wire");
const SAID = {
  "openai-responses": readFileSync(join(WIRE, "openai-responses", "text.sse")),
  "openai-chat": new TextEncoder().encode(
    [
      { choices: [{ index: 0, delta: { role: "assistant", content: "The tide turns." }, finish_reason: null }] },
      { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    ]
      .map(
        (chunk) =>
          `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", ...chunk })}\n\n`,
      )
      .join(""),
  ),
};
type Backend = keyof typeof SAID;
const BACKENDS = Object.keys(SAID) as Backend[];
const EACH = BACKENDS.flatMap((backend) => [true, false].map((stream) => ({ backend, stream })));

const principalOf = (more: Partial<Principal>): Principal => ({
  tenant: "keeper",
  keyId: "playedplayedplay",
  tier: "open",
  scopes: new Set(["inference"]),
  keyVersion: 1,
  corsOrigins: [],
  storesResponses: true,
  snapshotAt: Date.UTC(2026, 10, 21, 12),
  ...more,
});

const LARGE_IMAGE = { type: "input_image", image_url: `data:image/png;base64,${"A".repeat(262_144)}` };

const NONE: KeptAnswers = {
  find: () => Promise.reject(new Error("nothing was to be looked for")),
  remove: () => Promise.reject(new Error("nothing was to be removed")),
};

interface Asking {
  readonly backend: Backend;
  readonly stream?: boolean;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly principal?: Partial<Principal>;
  readonly keptAnswers?: KeptAnswers;
}

function ask({ backend, stream = false, more = {}, principal = {}, keptAnswers = NONE }: Asking): Promise<Played> {
  const principals = principalCache(1);
  principals.set("played", principalOf(principal));
  const request = { caller: "openai-responses", backend, stream, more } as const;
  return play(request, () => eventStream([SAID[backend]], "fin"), { principals, keptAnswers });
}

/** Kept answers of the tenant `keeper` alone, by id; what was asked for. */
function kept(byId: Readonly<Record<string, string>>, asked: string[] = []): KeptAnswers {
  return {
    find: async (tenant, id) => {
      asked.push(`${tenant} ${id}`);
      const value = tenant === "keeper" ? byId[id] : undefined;
      return value === undefined ? { kind: "unknown" } : { kind: "found", value };
    },
    remove: NONE.remove,
  };
}

interface Told {
  readonly id: string;
  readonly store: boolean;
  readonly previous_response_id: string | null;
  readonly output: readonly unknown[];
}

function told({ body }: Played, stream: boolean): Told {
  if (!stream) return JSON.parse(body);
  const last = body.trim().split("\n\n").at(-1) ?? "";
  return JSON.parse(last.slice(last.indexOf("data: ") + 6)).response;
}

const keptBy = ({ settlements }: Played) => settlements[0]?.keptWrite;
const sentTo = ({ calls }: Played) => JSON.parse(calls[0]?.request.body ?? "{}");

async function keptOnce(backend: Backend, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return keptBy(await ask({ backend, more }))?.value ?? "";
}

describe.each(EACH)("an answer of a $backend backend (streamed: $stream)", ({ backend, stream }) => {
  // planted: the backend's own frames passed on; the answer kept under another id than was told; instructions kept
  it("is kept as it is told, with what was asked, and no backend is asked to keep it", async () => {
    const played = await ask({ backend, stream, more: { instructions: "Be brief." } });
    const answer = told(played, stream);
    expect(answer).toMatchObject({ id: "resp_req_PLAYED", store: true, previous_response_id: null });
    const { id, value, ttlSeconds } = keptBy(played) ?? { value: "{}" };
    expect([id, ttlSeconds]).toEqual(["resp_req_PLAYED", 30 * 86_400]);
    expect(JSON.parse(value)).toEqual({
      v: 1,
      tenant: "keeper",
      alias: backend,
      answer,
      items: [{ type: "message", role: "user", content: "Say it." }],
    });
    expect(JSON.stringify(answer.output)).toContain("The tide turns.");
    expect(sentTo(played).store).toBe(backend === "openai-responses" ? false : undefined);
    expect(played.bugs).toEqual([]);
  });

  // planted: the tenant's word not asked for
  it.each([
    ["the tenant does not allow it", {}, { storesResponses: false }],
    ["the caller does not want it", { store: false }, {}],
    ["the conversation is too long", { input: [{ role: "user", content: [LARGE_IMAGE] }] }, {}],
  ])("is not kept where %s", async (_why, more, principal) => {
    const played = await ask({ backend, stream, more, principal });
    expect(told(played, stream).store).toBe(false);
    expect(keptBy(played)).toBeUndefined();
  });
});

describe.each(BACKENDS)("what a settlement can do without, after an answer of a %s backend", (backend) => {
  // planted: the length of a conversation counted in UTF-16 units
  it("is not said to be kept where its bytes are too many", async () => {
    const decided = async (characters: number) => {
      const played = await ask({ backend, more: { metadata: { said: "been là ".repeat(characters / 8) } } });
      const words = played.event.decisions.filter(({ step }) => step === "settle").map(({ decision }) => decision);
      return [words, keptBy(played) !== undefined];
    };
    expect(await decided(200_000)).toEqual([["kept"], true]);
    expect(await decided(232_640)).toEqual([["not_kept"], false]);
  });

  // planted: the settlement without its net
  it("costs neither the record nor the charge where it fails", async () => {
    const principals = principalCache(1);
    principals.set("played", principalOf({}));
    const played = await play(
      { caller: "openai-responses", backend, stream: false, more: { user: "someone" } },
      () => eventStream([SAID[backend]], "fin"),
      { principals, hashEndUser: () => Promise.reject(new Error("no hash")) },
    );
    expect([played.status, played.settlements.length, played.event.outcome]).toEqual([200, 1, "completed"]);
    expect(played.event.endUserHash).toBeUndefined();
    expect(played.bugs).toEqual([new Error("no hash")]);
  });
});

describe.each(BACKENDS)("a request that goes on from a kept answer, to a %s backend", (backend) => {
  // planted: the reference passed on; the new input put first; what was kept with the new answer was its own input alone
  it("says all that was said, and is kept with all of it", async () => {
    const first = await keptOnce(backend, { instructions: "Be brief." });
    const asked: string[] = [];
    const played = await ask({
      backend,
      more: { input: "And then?", previous_response_id: "resp_1" },
      keptAnswers: kept({ resp_1: first }, asked),
    });
    expect(asked).toEqual(["keeper resp_1"]);
    expect(told(played, false)).toMatchObject({ store: true, previous_response_id: "resp_1" });
    const sent = sentTo(played);
    expect(sent).not.toHaveProperty("previous_response_id");
    const texts = JSON.stringify(sent.input ?? sent.messages);
    const places = ["Say it.", "The tide turns.", "And then?"].map((text) => texts.indexOf(text));
    expect(places).toEqual(places.toSorted((left, right) => left - right));
    expect(places).not.toContain(-1);
    expect(JSON.stringify(sent)).not.toContain("Be brief.");
    const { items } = JSON.parse(keptBy(played)?.value ?? "{}");
    expect(items).toHaveLength(3);

    const third = await ask({
      backend,
      more: { input: [{ role: "user", content: "Why?" }], previous_response_id: "resp_2", store: false },
      keptAnswers: kept({ resp_2: keptBy(played)?.value ?? "" }),
    });
    expect(sentTo(third).input ?? sentTo(third).messages).toHaveLength(5);
    expect(told(third, false)).toMatchObject({ store: false, previous_response_id: "resp_2" });
    expect(keptBy(third)).toBeUndefined();
  });

  // planted: the cache's key made of the new input alone
  it("shares no cached answer with the same words after another conversation", async () => {
    const keyAfter = async (input: string) => {
      const keptAnswers = kept({ resp_1: await keptOnce(backend, { input }) });
      const played = await ask({ backend, more: { input: "Why?", previous_response_id: "resp_1" }, keptAnswers });
      return played.settlements[0]?.cacheWrite?.key;
    };
    const keys = [await keyAfter("Say it."), await keyAfter("Say something else."), await keyAfter("Say it.")];
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(keys[1]).not.toBe(keys[0]);
    expect(keys[2]).toBe(keys[0]);
  });

  // planted: an unknown id believed at once
  it("waits a moment for an answer that has just ended and is not written yet", async () => {
    const value = await keptOnce(backend);
    const late: KeptAnswers = {
      ...NONE,
      find: async () => (looked++ < 2 ? { kind: "unknown" } : { kind: "found", value }),
    };
    let looked = 0;
    const played = await ask({ backend, more: { previous_response_id: "resp_1" }, keptAnswers: late });
    expect([played.status, looked]).toEqual([200, 3]);
  });

  // planted: an entry of another tenant taken for one's own; the key's models not asked about; a store that is away taken for an unknown id
  it.each([
    ["unknown", { keptAnswers: kept({}) }, 400, "previous_response_not_found"],
    ["no id at all", { more: { previous_response_id: "a b" } }, 400, "previous_response_not_found"],
    ["not readable", { keptAnswers: kept({ resp_1: "{" }) }, 400, "previous_response_not_found"],
    [
      "another tenant's",
      { keptAnswers: kept({ resp_1: JSON.stringify({ v: 1, tenant: "other", answer: {}, items: [] }) }) },
      400,
      "previous_response_not_found",
    ],
    [
      "of a model that the key may not use",
      {
        keptAnswers: kept({ resp_1: JSON.stringify({ v: 1, tenant: "keeper", alias: "dear", answer: {}, items: [] }) }),
        principal: { allowedModels: new Set(BACKENDS) },
      },
      400,
      "previous_response_not_found",
    ],
    ["of a tenant that lets nothing be kept", { principal: { storesResponses: false } }, 400, "unsupported_parameter"],
    [
      "in a store that is away",
      { keptAnswers: { ...NONE, find: async () => ({ kind: "unavailable", detail: "timeout" }) } },
      503,
      "gateway_unavailable",
    ],
  ] as readonly [string, Partial<Asking>, number, string][])(
    "is refused where the id is %s",
    async (_what, asking, status, code) => {
      const refused = ask({ backend, ...asking, more: { previous_response_id: "resp_1", ...asking.more } });
      await expect(refused).rejects.toThrow(new RegExp(`^nothing was settled: ${status} .*"code":"?${code}`));
    },
  );
});
