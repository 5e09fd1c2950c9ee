// Longer than 300 lines because every place that takes a name is a line of one table, and all of them leave what they keep in one stack.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postgresText } from "../support/canaries.ts";
import { awkwardStrings, eachOf } from "../support/hostile.ts";
import { type RawReply, rawRequest } from "../support/raw-http.ts";
import { redisDump } from "../support/redis-dump.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

const FULL = process.env.FULL === "1";
/** The last four would be structure where they are put: of Redis keys, of paths, of objects, of SQL. */
const strings = [...awkwardStrings(), "a}:c:{b", "../../x", "__proto__", "'; drop table requests; --", "a\u0000b"];

let stack: TestStack;
/** What of the strings was taken for a name, and is looked for where it was put. */
const taken: string[] = [];

beforeAll(async () => {
  stack = await startTestStack({ cron: false });
});
afterAll(() => stack?.stop());

// The rules in other words than the gateway's.
const plain = (alphabet: string, max: number, head: string) => (text: string) =>
  text.length > 0 &&
  text.length <= max &&
  head.includes(text.charAt(0)) &&
  [...text].every((c) => alphabet.includes(c));
const LOWER = "abcdefghijklmnopqrstuvwxyz0123456789";
const ALNUM = `${LOWER}ABCDEFGHIJKLMNOPQRSTUVWXYZ`;
const isTenant = plain(`${LOWER}._-`, 63, LOWER);
const isUser = plain(`${ALNUM}._@+-`, 128, ALNUM);
const isAlias = plain(`${ALNUM}._:/@-`, 128, ALNUM);
const isRequestId = plain(`${ALNUM}_-`, 128, `${ALNUM}_-`);
const isKeyId = (text: string) => plain("abcdefghijklmnopqrstuvwxyz234567", 16, LOWER)(text) && text.length === 16;
const isDisplayName = (max: number) => (text: string) =>
  text.length > 0 &&
  text.length <= max &&
  [...text].every((char) => char === "\u200c" || char === "\u200d" || !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(char));
const never = () => false;

interface Place {
  /** The field as a refusal names it, or how that name begins. */
  readonly named: string;
  readonly where: string;
  readonly fits: (text: string) => boolean;
  readonly send: (text: string, index: number) => Promise<Response>;
  /** Statuses where the string fits. */
  readonly when: readonly number[];
  /** The string as the reply tells it, where it fits and is kept. */
  readonly told?: (reply: Readonly<Record<string, unknown>>) => unknown;
}

const admin = (method: string, path: string, body?: unknown) => stack.admin(method, path, body);
const key = (wish: object) => admin("POST", "/keys", { tenant: "local", ...wish });
const overlay = (change: object) => admin("PUT", "/overlay", { version: 1, ...change });
const query = (path: string, name: string, more = "") => ({
  where: `GET ${path}`,
  named: name,
  send: (text: string) => admin("GET", `${path}?${name}=${encodeURIComponent(text)}${more}`),
});
/** Own members alone, `__proto__` among them. */
const member = (name: string, value: unknown): object =>
  Object.defineProperty({}, name, { value, enumerable: true, configurable: true });

const PRICE = { inputPerMillion: 1, outputPerMillion: 1 };
const PLACES: readonly Place[] = [
  {
    where: "POST /v1/embeddings",
    named: "model",
    fits: isAlias,
    send: (model) => stack.post("/v1/embeddings", { model, input: "hi" }),
    when: [404],
  },
  {
    where: "POST /v1/embeddings",
    named: "user",
    fits: isDisplayName(256),
    send: (user) => stack.post("/v1/embeddings", { model: "embed", input: "hi", user }),
    when: [200],
  },
  {
    where: "POST /admin/v1/tenants",
    named: "tenant",
    fits: isTenant,
    send: (tenant) => admin("POST", "/tenants", { tenant }),
    when: [201],
    told: ({ tenant }) => tenant,
  },
  {
    where: "POST /admin/v1/tenants",
    named: "name",
    fits: isDisplayName(128),
    send: (name, index) => admin("POST", "/tenants", { tenant: `named-${index}`, name }),
    when: [201],
    told: ({ name }) => name,
  },
  {
    where: "POST /admin/v1/tenants",
    named: "corsOrigins[0]",
    fits: (text) => text === "*",
    send: (origin) => admin("POST", "/tenants", { tenant: "origins", corsOrigins: [origin] }),
    when: [201],
  },
  {
    where: "POST /admin/v1/keys",
    named: "name",
    fits: isDisplayName(128),
    send: (name) => key({ name }),
    when: [201],
    told: ({ name }) => name,
  },
  {
    where: "POST /admin/v1/keys",
    named: "user",
    fits: isUser,
    send: (user) => key({ user }),
    when: [201],
    told: ({ user }) => user,
  },
  {
    where: "POST /admin/v1/keys",
    named: "tenant",
    fits: isTenant,
    send: (tenant) => key({ tenant: `${tenant}` }),
    when: [201, 404],
  },
  ...["tier", "scopes[0]", "allowedModels[0]", "expiresAt"].map((named) => ({
    where: "POST /admin/v1/keys",
    named,
    fits: never,
    send: (text: string) => key(named.endsWith("[0]") ? { [named.slice(0, -3)]: [text] } : { [named]: text }),
    when: [],
  })),
  ...["weights", "tiers", "prices", "breakers"].map((named) => ({
    where: "PUT /admin/v1/overlay",
    named,
    fits: never,
    send: (text: string) =>
      overlay({ [named]: member(text, { weights: [1], prices: { model: PRICE }, breakers: "open" }[named] ?? {}) }),
    when: [],
  })),
  {
    where: "PUT /admin/v1/overlay",
    named: "disabledBackends",
    fits: never,
    send: (backend) => overlay({ disabledBackends: [backend] }),
    when: [],
  },
  { ...query("/keys", "tenant"), fits: isTenant, when: [200] },
  { ...query("/usage", "tenant"), fits: isTenant, when: [200] },
  { ...query("/ledger/dead", "tenant"), fits: isTenant, when: [200] },
  { ...query("/keys", "cursor"), fits: isKeyId, when: [200] },
  { ...query("/tenants", "cursor"), fits: isTenant, when: [200] },
  {
    ...query("/tenants", "limit"),
    fits: (text) => /^\d{1,3}$/.test(text) && Number(text) <= 200 && +text > 0,
    when: [200],
  },
  { ...query("/usage", "from", "&tenant=local"), fits: never, when: [] },
  { ...query("/usage", "by", "&tenant=local"), fits: never, when: [] },
  {
    where: "POST /admin/v1/ledger/replay",
    named: "requestIds[0]",
    fits: isRequestId,
    send: (id) => admin("POST", "/ledger/replay", { tenant: "local", requestIds: [id] }),
    when: [200],
  },
  {
    where: "POST /admin/v1/ledger/replay",
    named: "tenant",
    fits: isTenant,
    send: (tenant) => admin("POST", "/ledger/replay", { tenant }),
    when: [200],
  },
];

/** The value of one field, whatever it is; all of it where no field is meant. */
const paramOf = (body: string) => (JSON.parse(body) as { error: { param?: unknown; message?: unknown } }).error.param;

describe("awkward strings as names in bodies and queries", () => {
  // planted: names in the admin API held what is invisible; the cursor of tenants was any text; an overlay's `__proto__` was left out unsaid.
  test.each(PLACES.map((place) => ({ ...place, title: `${place.where} ${place.named}` })))(
    "$title: refused by name, or kept as they are",
    async ({ named, fits, send, when, told }) => {
      let refused = 0;
      let kept = 0;
      await eachOf(strings, async (text, index) => {
        const fit = fits(text);
        if (fit && !FULL && index >= 60 && index % 5 !== 0) return;
        const response = await send(text, index);
        const body = await response.text();
        const note = `${JSON.stringify(text)} → ${response.status} ${body}`;
        if (!fit) {
          expect(response.status, note).toBe(400);
          expect(String(paramOf(body)).slice(0, named.length), note).toBe(named);
          refused++;
          return;
        }
        // A name that stands already is a conflict.
        expect([...when, 409], note).toContain(response.status);
        if (told && response.status < 300) {
          expect(told(JSON.parse(body) as Record<string, unknown>), note).toBe(text);
          taken.push(text);
          kept++;
        }
      });
      expect(refused).toBeGreaterThan(10);
      console.log(`${refused} refused, ${kept} kept`);
    },
  );
});

describe("awkward strings in paths and headers", () => {
  const latin1 = (text: string) => Buffer.from(text, "utf8").toString("latin1");
  const encoded = (text: string) =>
    [...Buffer.from(text, "utf8")].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  const bearer = (token: string) => `Authorization: Bearer ${token}`;
  /** Nothing of the string in the head, and nothing there that is no plain text. */
  const expectPlainHead = (reply: RawReply, text: string) => {
    const head = reply.text.slice(0, reply.text.indexOf("\r\n\r\n"));
    expect(head).toMatch(/^[\x20-\x7e\r\n]*$/);
    if (text.length > 12) expect(head).not.toContain(latin1(text));
  };

  // planted: a path's part went into `x-gateway-model` of the refusal.
  test.each([
    ["/v1/models/", "GET", isAlias, "model"],
    ["/admin/v1/keys/", "DELETE", isKeyId, "id"],
    ["/admin/v1/requests/", "GET", isRequestId, "id"],
  ] as const)("%s{id}: refused by name, or unknown", async (path, method, fits, named) => {
    await eachOf(strings, async (text) => {
      // An empty part is another path, and so are these, also when they are encoded.
      if (["", ".", ".."].includes(text)) return;
      const token = path.startsWith("/admin") ? stack.adminKey : stack.apiKey;
      const reply = await rawRequest(stack.gateway, {
        method,
        target: `${path}${encoded(text)}`,
        head: [bearer(token)],
      });
      const note = `${JSON.stringify(text)} → ${reply.status} ${reply.body}`;
      // A slash or a line end may make another path of it, of which there is none.
      expect(fits(text) ? [404] : /[/\r\n\u2028\u2029]/.test(text) ? [400, 404] : [400], note).toContain(reply.status);
      if (reply.status === 400) expect(paramOf(reply.body), note).toBe(named);
      expectPlainHead(reply, text);
    });
  });

  // planted: `addressBlock` gave back what it was given, and the guard's keys in Redis were the strings.
  test("in headers are read as nothing, or are no credential; none comes back in a header", async () => {
    const body = JSON.stringify({ model: "home", max_tokens: 1, messages: [{ role: "user", content: "hi" }] });
    const stranger = `gw_${"a".repeat(16)}_${"b".repeat(43)}`;
    const ways: readonly { readonly name: string; readonly token?: string; readonly statuses: readonly number[] }[] = [
      { name: "Authorization", token: "", statuses: [401] },
      { name: "X-Api-Key", token: "", statuses: [400, 401] },
      { name: "CF-Connecting-IP", token: stranger, statuses: [401, 429] },
      ...["X-Request-Id", "Traceparent", "Tracestate", "User-Agent", "Idempotency-Key", "OpenAI-Organization"].map(
        (name) => ({ name, statuses: [200] }),
      ),
      ...["Anthropic-Version", "Anthropic-Beta", "Origin", "Access-Control-Request-Headers", "X-Stainless-Lang"].map(
        (name) => ({ name, statuses: [200] }),
      ),
    ];
    let sent = 0;
    await eachOf(strings, async (text, index) => {
      // A header ends at its line.
      if (/[\r\n\0]/.test(text)) return;
      for (const [place, { name, token = stack.apiKey, statuses }] of ways.entries()) {
        if (!FULL && index >= 60 && (index + place) % 5 !== 0) continue;
        const value = name === "Authorization" ? `Bearer ${latin1(text)}` : latin1(text);
        const reply = await rawRequest(stack.gateway, {
          head: [
            "Content-Type: application/json",
            `Content-Length: ${body.length}`,
            ...(token === "" ? [] : [bearer(token)]),
            `${name}: ${value}`,
          ],
          body,
        });
        // What is no header at all is the runtime's to refuse.
        expect([...statuses, 400], `${name}: ${JSON.stringify(text)} → ${reply.status} ${reply.body}`).toContain(
          reply.status,
        );
        expectPlainHead(reply, text);
        sent++;
      }
    });
    console.log(`${sent} headers`);
    const guarded = [...(await redisDump(stack, "guard:*")).keys()];
    expect(guarded.length).toBeGreaterThan(0);
    for (const name of guarded) expect(name).toMatch(/^guard:(none|[0-9.]{7,15}|[0-9a-f:]{7,19}::\/64):\d+$/);
  });

  // planted: `ORIGIN` and `HEADER_NAMES` took any text.
  test("in a preflight come back only where they are what browsers send", async () => {
    await admin("POST", "/tenants", { tenant: "anywhere", corsOrigins: ["*"] });
    await eachOf(strings, async (text) => {
      if (/[\r\n\0]/.test(text)) return;
      const ask = (origin: string, wanted: string) =>
        rawRequest(stack.gateway, {
          method: "OPTIONS",
          target: "/v1/chat/completions",
          head: [
            `Origin: ${origin}`,
            "Access-Control-Request-Method: POST",
            `Access-Control-Request-Headers: ${wanted}`,
          ],
        });
      for (const reply of [await ask(latin1(text), "x-a"), await ask("https://a.example", latin1(text))]) {
        expect([204, 400]).toContain(reply.status);
        expect(reply.text).toMatch(/^[\x20-\x7e\r\n]*$/);
      }
    });
  });
});

/** A value of Redis or a row, with all texts inside texts. */
function* textsIn(value: unknown): Generator<string> {
  if (typeof value === "string") {
    yield value;
    const nested = parsed(value);
    if (typeof nested === "object") yield* textsIn(nested);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      yield name;
      yield* textsIn(inner);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// planted: the test plants its own: a key and a row with a control character.
test("after all that no key, value or row holds a control character, and what was taken for a name stands there as it came", async () => {
  const control = (text: string) => /[\p{Cc}\p{Cs}]/u.exec(text)?.[0];
  const dump = await redisDump(stack);
  expect(dump.size).toBeGreaterThan(10);
  for (const [name, value] of dump) {
    expect(name).toMatch(/^[\x21-\x7e]+$/);
    for (const text of textsIn(JSON.parse(value))) {
      // A record's own lists have a line each (`RECORD_SEPARATOR`); names are looked at wherever else they stand.
      const said = name.includes(":rec:") ? text.replaceAll("\n", "") : text;
      expect([name, control(said)]).toEqual([name, undefined]);
    }
  }
  const { lines, rows } = await postgresText(stack, "to_jsonb(t)::text");
  expect(rows).toBeGreaterThan(taken.length);
  const values = new Set<string>();
  for (const line of lines) {
    for (const text of textsIn(JSON.parse(line))) {
      values.add(text);
      expect([line, control(text)]).toEqual([line, undefined]);
    }
  }
  expect(taken.length).toBeGreaterThan(50);
  for (const text of taken) expect(values.has(text), text).toBe(true);
  expect(() => expect(control([...textsIn({ a: '{"b":"\\u0007"}' })].join(""))).toBe(undefined)).toThrow();
});
