// Longer than 300 lines because it is one stack: everything that can be wrong with a request goes to the same gateway, and all of it must leave the same books.
import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type CallerFormat, chatRequest, readFailure, readStream } from "../support/caller.ts";
import { credentialsOf, expectNone, expectNothingKept, providerCanaries, wordCanaries } from "../support/canaries.ts";
import { awkwardStrings, eachOf, jsonTexts } from "../support/hostile.ts";
import { drip, pour, type RawReply, type RawRequest, rawRequest } from "../support/raw-http.ts";
import { redisDump } from "../support/redis-dump.ts";
import { startTestStack, type Tally, type TestStack } from "../support/stack.ts";

const FULL = process.env.FULL === "1";
const FORMATS = ["openai-chat", "anthropic-messages"] as const;
const PATHS: Readonly<Record<CallerFormat, string>> = {
  "openai-chat": "/v1/chat/completions",
  "anthropic-messages": "/v1/messages",
};
const MEBIBYTE = Buffer.alloc(1_048_576, 0x20);
/** Looked for at the end wherever anything is told or kept. */
const provider = providerCanaries();
const { prompt: PROMPT, endUser: END_USER } = wordCanaries();
const ASK = `hi ${PROMPT}`;
const SWIFT_MS = 2_000;
/** Longer than the gateway waits for a body that says how long it is. */
const PATIENCE_MS = 45_000;

let stack: TestStack;
/** A key with a limit at every level, none of which refills: whatever were reserved for it would be seen. */
let limited = "";
let books: ReadonlyMap<string, string>;
/** All that raw requests were answered. */
const replies: RawReply[] = [];
let dripping: Promise<readonly RawReply[]>;

beforeAll(async () => {
  stack = await startTestStack({ cron: false, gatewayEnv: { ...provider, LOG_REQUESTS: "all" } });
  await stack.admin("POST", "/tenants", { tenant: "hostile" });
  limited = await stack.mint({ tenant: "hostile", tier: "tenant-refuses", user: "mallory" });
  const { path, body } = chatRequest("openai-chat", "home", ASK, false);
  const first = await stack.post(path, body, { authorization: `Bearer ${limited}` });
  expect(first.status).toBe(200);
  await stack.stored(first.headers.get("x-request-id") ?? "");
  // The record is told to be done after the row is there.
  await vi.waitFor(async () => expect([...(await hostileBooks()).values()].join()).toContain('"done"'), 10_000);
  books = await hostileBooks();
  dripping = startDrips();
  dripping.catch(() => undefined);
});
afterAll(() => stack?.stop());

/** All that Redis holds of the tenant, but for the marks by which the ledger counts an event once: those name no amount. */
async function hostileBooks(): Promise<ReadonlyMap<string, string>> {
  const dump = await redisDump(stack, "t:{hostile}:*");
  return new Map([...dump].filter(([key, value]) => !key.includes(":rec:") || value.includes('"tokens"')));
}

/** Reservations, buckets, leases, money and records of the limited key are what they were. */
async function expectNothingReserved(): Promise<void> {
  expect([...books.keys()].filter((key) => /:[blm]:/.test(key)).length).toBeGreaterThanOrEqual(5);
  expect(await hostileBooks()).toEqual(books);
}

async function send(request: RawRequest): Promise<RawReply> {
  const reply = await rawRequest(stack.gateway, request);
  replies.push(reply);
  return reply;
}
const head = (more: readonly string[] = [], key = limited) => [
  `Authorization: Bearer ${key}`,
  "Content-Type: application/json",
  ...more,
];
const whole = (format: CallerFormat, body: Uint8Array | string, more: readonly string[] = [], key = limited) =>
  send({
    target: PATHS[format],
    head: head([`Content-Length: ${Buffer.byteLength(body)}`, ...more], key),
    body,
  });

/** A refusal in the caller's format; `named`: the field that it must name. */
function expectRefusal(format: CallerFormat, reply: RawReply, status: number | readonly number[], named = ""): void {
  expect([status].flat(), `${reply.status} ${reply.endedBy} ${reply.body.slice(0, 300)}`).toContain(reply.status);
  const { message } = readFailure(format, reply.body);
  const { param } = (JSON.parse(reply.body) as { error: { param?: string | null } }).error;
  expect(format === "openai-chat" && named !== "" ? (param ?? "") : message).toContain(named);
}

/** The quickest of three, where the first was slow: a hang is slow every time, a busy machine is not. */
async function swiftly(attempt: () => Promise<RawReply>): Promise<RawReply> {
  let reply = await attempt();
  for (let again = 0; again < 2 && reply.ms >= SWIFT_MS; again++) reply = await attempt();
  expect(reply.ms).toBeLessThan(SWIFT_MS);
  return reply;
}

/** All that the backends were asked, by request id. */
async function asked(): Promise<
  ReadonlyMap<string, Tally & { readonly bodyText: string; readonly requestId: string }>
> {
  const calls = await Promise.all(
    [stack.home, stack.cloud].map(async (backend) => {
      const response = await fetch(`${backend?.url}/sim/tally`);
      return ((await response.json()) as { calls: (Tally & { bodyText: string; requestId: string })[] }).calls;
    }),
  );
  return new Map(calls.flat().map((call) => [call.requestId, call]));
}

function firstContent(call: Tally | undefined): unknown {
  const [message] = (call?.body.messages ?? []) as { content: string | { text: string }[] }[];
  return typeof message?.content === "string" ? message.content : message?.content.map(({ text }) => text).join("");
}

describe("JSON texts", () => {
  // planted: a decoder that replaces what is no UTF-8; a body that could not be parsed was taken for an empty object.
  test("as the whole body: what is no JSON is a 400, and nothing is a fault of ours", async () => {
    const texts = jsonTexts();
    await eachOf(texts, async ({ name, bytes }) => {
      for (const format of FORMATS) {
        const reply = await whole(format, bytes);
        expectRefusal(format, reply, 400);
        const { code } = (JSON.parse(reply.body) as { error: { code?: string } }).error;
        if (name.startsWith("n_") && format === "openai-chat") expect([name, code]).toEqual([name, "invalid_json"]);
      }
    });
    console.log(`JSON texts as bodies: ${texts.length}, each in ${FORMATS.length} formats`);
    await expectNothingReserved();
  });

  // planted: a decoder that replaces what is no UTF-8.
  test("as content: what is no JSON is a 400, and text arrives as it was written", async () => {
    const statuses: Record<string, number> = {};
    const expected = new Map<string, string>();
    await eachOf(jsonTexts(), async ({ name, bytes }) => {
      const text = /^\s*\[\s*(".*")\s*\]\s*$/s.exec(bytes.toString("latin1"))?.[1];
      const content = text === undefined ? bytes : Buffer.from(text, "latin1");
      const body = Buffer.concat([
        Buffer.from('{"model":"home","max_tokens":1,"messages":[{"role":"user","content":'),
        content,
        Buffer.from("}]}"),
      ]);
      for (const format of FORMATS) {
        const reply = await whole(format, body, [], stack.apiKey);
        const kind = name.slice(0, 1);
        expect(reply.status, `${name} ${reply.body}`).toBeLessThan(500);
        if (kind === "n" || !isUtf8(bytes)) expect([reply.status, name]).toEqual([400, name]);
        if (kind === "y" && text !== undefined) expect([reply.status, name]).toEqual([200, name]);
        statuses[`${kind}_ ${reply.status}`] = (statuses[`${kind}_ ${reply.status}`] ?? 0) + 1;
        if (reply.status === 200 && text !== undefined) {
          expected.set(reply.headers.get("x-request-id") ?? "", JSON.parse(content.toString("utf8")) as string);
        }
      }
    });
    const calls = await asked();
    for (const [id, text] of expected) expect(firstContent(calls.get(id))).toBe(text);
    expect(expected.size).toBeGreaterThan(4);
    console.log(`JSON texts as content: ${JSON.stringify(statuses)}; ${expected.size} compared upstream`);
  });
});

describe("awkward strings", () => {
  const strings = awkwardStrings();

  // planted: `encodeContent` normalised its text (NFC).
  test("in content arrive upstream unchanged, in the caller's format and in the other", async () => {
    const expected = new Map<string, string>();
    const ways = FORMATS.flatMap((format) => ["home", "claude"].map((model) => ({ format, model })));
    for (const { format, model } of ways) {
      const translated = (format === "openai-chat") !== (model === "home");
      await eachOf(strings, async (text, index) => {
        // The sample of our own stands first and goes every way.
        if (translated && !FULL && index >= 60 && index % 3 !== 0) return;
        const { path, body } = chatRequest(format, model, text, false, { max_tokens: 1 });
        const reply = await stack.post(path, body);
        // Anthropic's own API refuses blank content: its word, and the caller's to hear.
        expect([200, 400], await reply.text()).toContain(reply.status);
        expected.set(reply.headers.get("x-request-id") ?? "", text);
      });
    }
    const calls = await asked();
    for (const [id, text] of expected) expect(firstContent(calls.get(id)), id).toBe(text);
    console.log(`awkward strings: ${strings.length}; ${expected.size} contents compared upstream`);
  });

  /** What no name may be: the test's own rule, in other words than the gateway's. */
  const unfit = (text: string, stop = false) =>
    text === "" ||
    text.length > 256 ||
    [...text].some((char) => {
      const code = char.codePointAt(0) ?? 0;
      if (stop && (char === "\n" || char === "\t" || char === "\r")) return false;
      if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029) return true;
      return !stop && /\p{Cf}/u.test(char) && code !== 0x200c && code !== 0x200d;
    });

  const chat = { model: "home", max_tokens: 1, messages: [{ role: "user", content: ASK }] };
  const places: readonly {
    readonly format: CallerFormat;
    readonly named: string;
    readonly stop?: boolean;
    readonly body: (text: string) => Readonly<Record<string, unknown>>;
    readonly upstream: (body: Readonly<Record<string, unknown>>) => unknown;
  }[] = [
    { format: "openai-chat", named: "user", body: (user) => ({ ...chat, user }), upstream: ({ user }) => user },
    {
      format: "openai-chat",
      named: "safety_identifier",
      body: (safety_identifier) => ({ ...chat, safety_identifier }),
      upstream: ({ safety_identifier }) => safety_identifier,
    },
    {
      format: "openai-chat",
      named: "messages[0].name",
      body: (name) => ({ ...chat, messages: [{ role: "user", content: ASK, name }] }),
      upstream: ({ messages }) => (messages as { name: string }[])[0]?.name,
    },
    { format: "openai-chat", named: "stop", stop: true, body: (stop) => ({ ...chat, stop }), upstream: (b) => b.stop },
    {
      format: "openai-chat",
      named: "stop[1]",
      stop: true,
      body: (text) => ({ ...chat, stop: ["x", text] }),
      upstream: ({ stop }) => (stop as string[])[1],
    },
    {
      format: "anthropic-messages",
      named: "metadata.user_id",
      body: (user_id) => ({ ...chat, metadata: { user_id } }),
      upstream: ({ user }) => user,
    },
    {
      format: "anthropic-messages",
      named: "stop_sequences[0]",
      stop: true,
      body: (text) => ({ ...chat, stop_sequences: [text] }),
      upstream: ({ stop }) => (stop as string[])[0],
    },
  ];

  // planted: `Fields.displayName` took any text.
  test("in identifiers are refused by the field's name where they are no name, and else arrive unchanged", async () => {
    const expected = new Map<string, { readonly text: string; readonly place: (typeof places)[number] }>();
    let refused = 0;
    for (const place of places) {
      const { format, named, stop = false, body } = place;
      await eachOf(strings, async (text, index) => {
        const wrong = unfit(text, stop);
        if (!wrong && !FULL && index % 10 !== 0) return;
        const reply = await whole(format, JSON.stringify(body(text)), [], wrong ? limited : stack.apiKey);
        if (wrong) {
          expectRefusal(format, reply, 400, named);
          refused++;
        } else {
          expect(reply.status, `${named} ${JSON.stringify(text)} ${reply.body}`).toBe(200);
          expected.set(reply.headers.get("x-request-id") ?? "", { text, place });
        }
      });
    }
    const calls = await asked();
    for (const [id, { text, place }] of expected) expect(place.upstream(calls.get(id)?.body ?? {})).toBe(text);
    console.log(`identifiers: ${refused} refused by name, ${expected.size} compared upstream`);
    await expectNothingReserved();
  });

  /** Ours to decide, since aliases are written by operators: plain ASCII. */
  const anAlias = (text: string) =>
    [...text].every((char, at) => /[a-z0-9]/i.test(char) || (at > 0 && "._:/@-".includes(char))) &&
    text.length > 0 &&
    text.length <= 128;

  // planted: `findRoute` without `Object.hasOwn`, so that `constructor` was a route; `Fields.alias` took any display name.
  test("as a model are unknown or unfit, by name", async () => {
    await eachOf(strings, async (model) => {
      for (const format of FORMATS) {
        const { body } = chatRequest(format, model, ASK, false);
        expectRefusal(format, await whole(format, JSON.stringify(body)), anAlias(model) ? 404 : 400, "model");
      }
    });
    await expectNothingReserved();
  });

  // planted: NAMESPACE without its end anchor.
  test("in our own headers are refused by the header's name", async () => {
    const { body } = chatRequest("openai-chat", "home", ASK, false);
    const names = ["x-gateway-cache", "x-gateway-cache-ttl", "x-gateway-cache-namespace", "x-gateway-no-fallback"];
    let refused = 0;
    await eachOf(strings, async (text, index) => {
      for (const name of names) {
        // A header ends at its line; and plain words are fit for a namespace, whole numbers for a time to live.
        if (/[\r\n\0]/.test(text) || /^[\w.-]{1,64}$/.test(text.trim()) || text.trim() === "") continue;
        if (name !== names[2] && !FULL && index % 5 !== 0) continue;
        const line = `${name}: ${Buffer.from(text, "utf8").toString("latin1")}`;
        expectRefusal("openai-chat", await whole("openai-chat", JSON.stringify(body), [line]), 400, name);
        refused++;
      }
    });
    console.log(`headers: ${refused} refused by name`);
    await expectNothingReserved();
  });
});

describe("bodies", () => {
  const fine = JSON.stringify({
    model: "home",
    max_tokens: 1,
    messages: [{ role: "user", content: ASK }],
    user: END_USER,
  });
  const nested = (depth: number) =>
    `{"model":"home","max_tokens":1,"messages":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  const zipped = gzipSync(fine);
  const length = (bytes: number) => `Content-Length: ${bytes}`;
  const cases: Readonly<
    Record<string, { status: number; named?: string; head: readonly string[]; body?: RawRequest["body"] }>
  > = {
    "a key twice": {
      status: 400,
      named: "model",
      head: [length(fine.length + 15)],
      body: `{"model":"cloud",${fine.slice(1)}`.slice(0, fine.length + 15),
    },
    "a key twice, once escaped": {
      status: 400,
      named: "model",
      head: ["Transfer-Encoding: chunked"],
      body: chunk(`{"mod\\u0065l":"cloud",${fine.slice(1)}`) + END,
    },
    "depth 100,000": { status: 400, head: [length(nested(100_000).length)], body: nested(100_000) },
    "objects, depth 100,000": { status: 400, head: [length(500_000)], body: '{"a":'.repeat(100_000) },
    "invalid UTF-8": {
      status: 400,
      head: [length(fine.length)],
      body: Buffer.from(fine.replace("hi", "\xff\xfe"), "latin1"),
    },
    "UTF-16": { status: 400, head: [length(fine.length * 2)], body: Buffer.from(fine, "utf16le") },
    "50 MB, said so": {
      status: 413,
      head: [length(50 * MEBIBYTE.length)],
      body: (socket) => pour(socket, MEBIBYTE, 50),
    },
    "50 MB, not said so": {
      status: 413,
      head: ["Transfer-Encoding: chunked"],
      body: (socket) => pour(socket, chunk(MEBIBYTE), 50),
    },
    "endless, in large chunks": {
      status: 413,
      head: ["Transfer-Encoding: chunked"],
      body: (socket) => pour(socket, chunk(MEBIBYTE.subarray(0, 65_536))),
    },
    "endless, in chunks of 1 KiB": {
      status: 413,
      head: ["Transfer-Encoding: chunked"],
      body: (socket) => pour(socket, chunk(MEBIBYTE.subarray(0, 1_024))),
    },
    "endless, in chunks of 16 bytes": {
      status: 400,
      head: ["Transfer-Encoding: chunked"],
      body: (socket) => pour(socket, chunk(MEBIBYTE.subarray(0, 16)).toString().repeat(64)),
    },
    "endless, in chunks of 1 byte": {
      status: 400,
      head: ["Transfer-Encoding: chunked"],
      body: (socket) => pour(socket, chunk(" ").repeat(256)),
    },
    "endless, a byte a second": {
      status: 400,
      head: ["Transfer-Encoding: chunked"],
      body: (socket) => drip(socket, chunk(" ").repeat(60), 1_000, chunk(" ").length),
    },
    "endless, without a byte": { status: 400, head: ["Transfer-Encoding: chunked"] },
    "20 MB of white space": {
      status: 400,
      head: [length(19 * MEBIBYTE.length)],
      body: (socket) => pour(socket, MEBIBYTE, 19),
    },
    "shorter than it says, then closed": {
      status: 400,
      head: [length(fine.length + 100)],
      body: (socket) => socket.end(fine),
    },
    "chunks, then closed": {
      status: 400,
      head: ["Transfer-Encoding: chunked"],
      body: (socket) => socket.end(chunk(fine)),
    },
    "longer than it says": { status: 400, head: [length(fine.length - 10)], body: fine },
    "a chunk without a size": { status: 400, head: ["Transfer-Encoding: chunked"], body: `zz\r\n${fine}\r\n${END}` },
    empty: { status: 400, head: [length(0)] },
    "no body and no length": { status: 400, head: [] },
    zipped: { status: 415, head: ["Content-Encoding: gzip", length(zipped.length)], body: zipped },
    "said to be zipped": { status: 415, head: ["Content-Encoding: br", length(fine.length)], body: fine },
    "a form": {
      status: 415,
      head: ["Content-Type: application/x-www-form-urlencoded", length(fine.length)],
      body: fine,
    },
    "plain text": { status: 415, head: ["Content-Type: text/plain", length(fine.length)], body: fine },
    "a list": { status: 400, head: [length(2)], body: "[]" },
  };

  // planted: no refusal of a Content-Encoding; no limit for bodies of unknown length; for them the deadline of those that declare theirs.
  test.each(Object.entries(cases))(
    "%s: refused in the caller's format, at once, nothing reserved",
    async (_, wanted) => {
      for (const format of FORMATS) {
        const types = wanted.head.some((line) => line.startsWith("Content-Type"))
          ? []
          : ["Content-Type: application/json"];
        const request = { target: PATHS[format], head: [`Authorization: Bearer ${limited}`, ...types, ...wanted.head] };
        const reply = await swiftly(() =>
          send({ ...request, ...(wanted.body !== undefined && { body: wanted.body }) }),
        );
        expectRefusal(format, reply, wanted.status, wanted.named);
      }
      await expectNothingReserved();
    },
  );

  // planted: the refusal left it to the status whether to try again.
  test("a body that never ends holds no connection, and is not sent again by the SDKs", async () => {
    const letGo = await Promise.all(
      Object.entries(cases)
        .filter(([name]) => /^endless, .*(1 byte|byte a second|without)/.test(name))
        .map(([, { head: lines, body = "" }]) =>
          send({ head: head(lines), body, patienceMs: PATIENCE_MS, untilClosed: true }),
        ),
    );
    expect(letGo.length).toBe(3);
    for (const reply of letGo) {
      expectRefusal("openai-chat", reply, 400);
      expect((JSON.parse(reply.body) as { error: { code: string } }).error.code).toBe("body_length_undeclared");
      expect(reply.headers.get("x-should-retry")).toBe("false");
      expect(["fin", "reset"]).toContain(reply.endedBy);
    }
    console.log(`let go after ${letGo.map(({ ms, closedMs }) => `${ms.toFixed()} + ${(closedMs - ms).toFixed()} ms`)}`);
    await expectNothingReserved();
  });

  // planted: the admin API read its bodies without a deadline.
  test("a body of the admin API that never ends is refused as quickly", async () => {
    const request = {
      target: "/admin/v1/tenants",
      head: head(["Transfer-Encoding: chunked"], stack.adminKey),
      body: (socket: Socket) => drip(socket, chunk(" ").repeat(60), 1_000, chunk(" ").length),
    };
    const reply = await swiftly(() => send(request));
    expect(reply.status, reply.body).toBe(400);
  });

  // planted: the admin routes did not linger; those that there are none of did not.
  test("where nobody reads a body, a client that writes 22 MB before it reads hears why it was refused", async () => {
    const body = Buffer.alloc(22 * MEBIBYTE.length, 0x20);
    const refusals: readonly [method: string, path: string, key: string, status: number][] = [
      ["POST", "/admin/v1/keys", stack.adminKey, 413],
      ["PUT", "/admin/v1/overlay", stack.adminKey, 413],
      ["POST", "/admin/v1/keys", limited, 401],
      ["POST", "/admin/v1/nothing", stack.adminKey, 404],
      ["POST", "/v1/models", limited, 405],
      ["POST", "/v1/images/generations", limited, 501],
      ["POST", "/nothing", limited, 404],
    ];
    for (const [method, path, key, status] of refusals) {
      for (let again = 0; again < 2; again++) {
        const reply = await fetch(stack.gateway + path, { method, body, headers: { authorization: `Bearer ${key}` } });
        expect([path, reply.status]).toEqual([path, status]);
        expect(((await reply.json()) as { error: { message: string } }).error.message).not.toBe("");
      }
    }
    await expectNothingReserved();
  });

  // planted: the refusal did not linger, and the connection was reset under it.
  test("a client that writes 50 MB before it reads hears why it was refused", async () => {
    const body = Buffer.alloc(50 * MEBIBYTE.length, 0x20);
    for (let again = 0; again < 5; again++) {
      const reply = await stack.post(PATHS["openai-chat"], body, { authorization: `Bearer ${limited}` });
      expect(reply.status).toBe(413);
      readFailure("openai-chat", await reply.text());
    }
    await expectNothingReserved();
  });

  // No fault of ours was planted here: the runtime itself refuses these, in its own words. The books are what is looked at.
  test.each(["abc", "-5", "5, 6", "1e3", "99999999999999999999"])(
    "Content-Length: %s is refused by the runtime or by us",
    async (text) => {
      const reply = await swiftly(() => send({ head: head([`Content-Length: ${text}`]), body: fine }));
      expect([400, 413]).toContain(reply.status);
      await expectNothingReserved();
    },
  );

  // planted: every body that was gathered stayed in a list of the module.
  test.runIf(process.platform === "linux")("large bodies leave no memory behind", async () => {
    const residentMib = () => {
      const status = readFileSync(`/proc/${stack.process("gateway").pid()}/status`, "utf8");
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
    };
    const round = async () => {
      for (const name of ["50 MB, not said so", "20 MB of white space"]) {
        const { status = 0, head: lines = [], body = "" } = cases[name] ?? {};
        for (let again = 0; again < 4; again++) {
          const reply = await send({ head: head(lines), body });
          expect(reply.status).toBe(status);
        }
      }
    };
    await round();
    await round();
    const before = residentMib();
    for (let rounds = 0; rounds < 4; rounds++) await round();
    const after = residentMib();
    console.log(`memory: ${before.toFixed(0)} MiB after 2 rounds of 160 MB, ${after.toFixed(0)} MiB after 4 more`);
    // 640 MB went through; an isolate has 128 MiB at the edge, and V8 takes its time.
    expect(after - before).toBeLessThan(160);
  });
});

const END = "0\r\n\r\n";

function chunk(bytes: Uint8Array): Buffer;
function chunk(text: string): string;
function chunk(piece: Uint8Array | string): Buffer | string {
  const size = `${Buffer.byteLength(piece).toString(16)}\r\n`;
  if (typeof piece === "string") return `${size}${piece}\r\n`;
  return Buffer.concat([Buffer.from(size), piece, Buffer.from("\r\n")]);
}

describe("fields", () => {
  /** A value of every JSON type, and those that look like another. */
  const VALUES: readonly { readonly type: string; readonly value: unknown }[] = [
    { type: "string", value: "text" },
    { type: "string", value: "1" },
    { type: "integer", value: 7 },
    { type: "number", value: 0.5 },
    { type: "boolean", value: true },
    { type: "array", value: [] },
    { type: "array", value: [[]] },
    { type: "array", value: [null] },
    { type: "object", value: {} },
    { type: "object", value: { length: 1, toString: 1 } },
  ];

  interface Schema {
    readonly type?: string;
    readonly anyOf?: readonly Schema[];
    readonly enum?: readonly unknown[];
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly items?: Schema;
  }
  const typesOf = (schema: Schema): readonly string[] => {
    if (schema.anyOf) return schema.anyOf.flatMap(typesOf);
    return schema.type === "number" ? ["number", "integer"] : [schema.type ?? "string"];
  };

  /** Every field of a schema with where it stands, two levels deep. */
  function* fieldsOf(
    schema: Schema,
    path: readonly (string | number)[] = [],
  ): Generator<{ path: readonly (string | number)[]; schema: Schema }> {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      yield { path: [...path, name], schema: field };
      if (field.properties) yield* fieldsOf(field, [...path, name]);
      if (field.items?.properties) yield* fieldsOf(field.items, [...path, name, 0]);
    }
  }

  /** Fields that the schema leaves to chance, which are read all the same. */
  const FURTHER: Readonly<Record<string, Readonly<Record<string, Schema>>>> = {
    "/v1/chat/completions": {
      frequency_penalty: { type: "number" },
      presence_penalty: { type: "number" },
      top_k: { type: "integer" },
      safety_identifier: { type: "string" },
    },
  };

  const base: Readonly<Record<string, object>> = {
    "/v1/chat/completions": { model: "home", max_tokens: 1, messages: [{ role: "user", content: ASK }] },
    "/v1/messages": { model: "home", max_tokens: 1, messages: [{ role: "user", content: ASK }] },
    "/v1/embeddings": { model: "embed", input: ASK },
  };

  function withValue(path: string, place: readonly (string | number)[], value: unknown): object {
    const body = structuredClone(base[path]) as Record<string | number, unknown>;
    let at = body;
    for (const step of place.slice(0, -1)) {
      at[step] ??= {};
      at = at[step] as Record<string | number, unknown>;
    }
    at[place.at(-1) ?? ""] = value;
    return body;
  }

  const nameOf = (place: readonly (string | number)[]) =>
    place.reduce<string>(
      (name, step) => (typeof step === "number" ? `${name}[${step}]` : name === "" ? step : `${name}.${step}`),
      "",
    );

  // planted: `Fields.number` took what could be made a number.
  test("of every wrong type are refused by name", async () => {
    const document = (await (await fetch(`${stack.gateway}/openapi.json`)).json()) as {
      paths: Record<string, { post?: { requestBody?: { content: Record<string, { schema: Schema }> } } }>;
    };
    let refused = 0;
    let fields = 0;
    for (const path of Object.keys(base)) {
      const schema = document.paths[path]?.post?.requestBody?.content["application/json"]?.schema ?? {};
      const all = [...fieldsOf({ properties: { ...schema.properties, ...FURTHER[path] } })];
      expect(all.length).toBeGreaterThan(4);
      fields += all.length;
      const format = path === "/v1/messages" ? "anthropic-messages" : "openai-chat";
      await eachOf(
        all.flatMap((field) => VALUES.map((value) => ({ ...field, ...value }))),
        async ({ path: place, schema: field, type, value }) => {
          if (typesOf(field).includes(type)) return;
          const body = JSON.stringify(withValue(path, place, value));
          const reply = await send({ target: path, head: head([`Content-Length: ${Buffer.byteLength(body)}`]), body });
          expectRefusal(format, reply, 400, nameOf(place));
          refused++;
        },
      );
    }
    console.log(`wrong types: ${refused} bodies over ${fields} fields`);
    await expectNothingReserved();
  });

  // planted: `n` without its maximum.
  test.each([
    ["n", 1_000],
    ["n", 0],
    ["n", -1],
    ["max_tokens", -1],
    ["max_tokens", 0],
    ["max_tokens", 1.5],
    ["temperature", -0.1],
    ["temperature", 1e308],
    ["top_p", 2],
    ["seed", 0.1],
  ])("%s of %s is refused by name", async (name, value) => {
    const body = { ...base["/v1/chat/completions"], [name]: value };
    expectRefusal("openai-chat", await whole("openai-chat", JSON.stringify(body)), 400, name);
    await expectNothingReserved();
  });

  // planted: the cap of the route was not applied to what the caller asked for.
  test("a huge max_tokens is capped by the route, and one beyond all numbers refused", async () => {
    for (const [text, status] of [
      ["1e300", 200],
      ["9007199254740993", 200],
      ["1e400", 400],
    ] as const) {
      const body = `{"model":"capped","max_tokens":${text},"messages":[{"role":"user","content":"${ASK}"}]}`;
      const reply = await whole("openai-chat", body, [], stack.apiKey);
      expect(reply.status, reply.body).toBe(status);
      if (status === 200) {
        const [call] = await stack.tally(reply.headers.get("x-request-id") ?? "");
        expect(call?.body.max_tokens).toBe(16);
      }
    }
  });

  // planted: the input was not compared with what the route takes.
  test("10,000 messages are answered at once, whichever way", async () => {
    const messages = Array.from({ length: 10_000 }, (_, index) => ({
      role: index % 2 ? "assistant" : "user",
      content: "a",
    }));
    for (const format of FORMATS) {
      const reply = await swiftly(() => whole(format, JSON.stringify({ model: "home", max_tokens: 1, messages })));
      expectRefusal(format, reply, 400, "messages".slice(0, format === "openai-chat" ? 8 : 0));
    }
    await expectNothingReserved();
    const taken = await whole(
      "openai-chat",
      JSON.stringify({ model: "cloud", max_tokens: 1, messages }),
      [],
      stack.apiKey,
    );
    expect(taken.status, taken.body.slice(0, 300)).toBe(200);
    const [call] = await stack.tally(taken.headers.get("x-request-id") ?? "");
    expect(call?.body.messages).toHaveLength(10_000);
  });

  // planted: `Fields.value` looked into `__proto__` too.
  test("keys of the prototype change nothing for anybody", async () => {
    const evil = '{"model":"cloud","max_tokens":7,"stream":true,"user":"evil","isAdmin":true,"limits":null}';
    const fields = `"__proto__":${evil},"constructor":{"prototype":${evil}},"prototype":${evil},"hasOwnProperty":1,"toString":${evil}`;
    const bodies = [
      `{"model":"home","max_tokens":1,"messages":[{"role":"user","content":"${ASK}","__proto__":{"role":"system"}}],${fields}}`,
      `{"model":"home","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"${ASK}","__proto__":{"type":"image"}}]}],"metadata":{"__proto__":{"user_id":"evil"}},${fields}}`,
    ];
    for (const format of FORMATS) {
      for (const body of bodies) {
        const reply = await whole(format, body, [], stack.apiKey);
        expect([200, 400], reply.body).toContain(reply.status);
        expect(reply.headers.get("content-type")).toContain("application/json");
      }
    }
    expectRefusal(
      "openai-chat",
      await whole("openai-chat", `{${fields},"messages":[{"role":"user","content":"${ASK}"}]}`),
      400,
      "model",
    );
    expectRefusal(
      "openai-chat",
      await whole("openai-chat", `{"model":"home","messages":[{"__proto__":{"role":"user"},"content":"${ASK}"}]}`),
      400,
      "messages[0].role",
    );
    const after = await whole(
      "openai-chat",
      `{"model":"home","messages":[{"role":"user","content":"${ASK}"}]}`,
      [],
      stack.apiKey,
    );
    const [call] = await stack.tally(after.headers.get("x-request-id") ?? "");
    expect(Object.keys(call?.body ?? {}).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "cache_salt",
      "max_tokens",
      "messages",
      "model",
      "stream",
      "stream_options",
    ]);
    await expectNothingReserved();
  });
});

describe("injections", () => {
  const LINES = [
    "a\n\ndata: [DONE]\n\n",
    'a\r\n\r\ndata: {"choices":[{"index":0,"delta":{"content":"forged"},"finish_reason":"stop"}]}\r\n\r\n',
    'a\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
    "a\r\rdata: [DONE]\r\r",
    "id: 1\nretry: 1\n: comment\n\n\n",
    "a\u2028\u2029\u0085\u0000b",
  ];

  // planted: the stream writer put line ends into its JSON as they are.
  test("what a backend echoes cannot forge a frame, streamed or replayed from the cache", async () => {
    let replayed = 0;
    for (const text of LINES) {
      for (const format of FORMATS) {
        for (const model of ["cached", "cached-claude"]) {
          for (const again of [false, true]) {
            const prompt = `${PROMPT} [[sim:text=${text}]]`;
            const { path, body } = chatRequest(format, model, prompt, true);
            const reply = await stack.post(path, body);
            if (reply.headers.get("x-gateway-cache") === "HIT") replayed++;
            const told = readStream(format, await reply.text());
            expect({ text: told.text, closed: told.closed, error: told.error, again }).toEqual({
              text,
              closed: true,
              error: undefined,
              again,
            });
          }
        }
      }
    }
    expect(replayed).toBeGreaterThan(LINES.length);
  });

  // planted: the transport sent an `x-forwarded-for`.
  test("headers and names of the caller reach neither the backend's headers nor ours", async () => {
    const smuggled = [
      "X-Forwarded-For: 6.6.6.6",
      "X-Forwarded-Host: evil.test",
      "Forwarded: for=6.6.6.6",
      "X-Original-URL: /admin/v1/keys",
      "X-Rewrite-URL: /admin/v1/keys",
      "X-HTTP-Method-Override: GET",
      "Via: 1.1 evil",
      "Cookie: a=b",
      "X-Request-Id: req_evil",
      "Openai-Organization: org-evil",
      "X-Smuggled: evil",
      "Connection: x-smuggled",
      "TE: trailers",
    ];
    const body = JSON.stringify({
      model: "home",
      max_tokens: 1,
      user: `u\u00e9-evil ${END_USER}`,
      messages: [{ role: "user", content: ASK, name: "evil" }],
    });
    const reply = await whole("openai-chat", body, smuggled, stack.apiKey);
    expect(reply.status, reply.body).toBe(200);
    const [call] = await stack.tally(reply.headers.get("x-request-id") ?? "");
    expect(JSON.stringify(call?.headers)).not.toMatch(/evil|6\.6\.6\.6|smuggled|cookie|forwarded/i);
    expect(reply.text.slice(0, reply.text.indexOf("\r\n\r\n"))).not.toMatch(/evil|6\.6\.6\.6|smuggled/i);
    for (const name of ["x\r\nx-injected: 1", "x\nx-injected: 1"]) {
      const refused = await whole(
        "openai-chat",
        JSON.stringify({ model: name, messages: [{ role: "user", content: ASK }] }),
      );
      expectRefusal("openai-chat", refused, 400, "model");
      expect(refused.headers.has("x-injected")).toBe(false);
    }
  });

  // planted: paths were matched whatever their case.
  test("Host, absolute targets and other paths open nothing", async () => {
    const body = JSON.stringify({ model: "home", max_tokens: 1, messages: [{ role: "user", content: ASK }] });
    const lines = head([`Content-Length: ${body.length}`], stack.apiKey);
    for (const request of [
      { head: ["Host: evil.test", ...lines], body },
      { head: ["Host: localhost:1", ...lines], body },
      { target: "http://evil.test/v1/chat/completions", head: lines, body },
      { target: "https://evil.test:444/v1/chat/completions?base_url=http://evil.test", head: lines, body },
    ]) {
      const reply = await send(request);
      expect(reply.status, reply.body).toBe(200);
      expect((await stack.tally(reply.headers.get("x-request-id") ?? "")).map(({ backend }) => backend)).toEqual([
        "home",
      ]);
    }
    for (const target of [
      "/v1/../admin/v1/keys",
      "/v1/%2e%2e/admin/v1/keys",
      "//admin/v1/keys",
      "/v1/chat/completions/%2e%2e/%2e%2e/%2e%2e/admin/v1/keys",
      "/V1/chat/completions",
      "/%00",
      "/v1/models/%ff",
    ]) {
      for (const method of ["GET", "POST"]) {
        const reply = await send({
          method,
          target,
          head: method === "GET" ? [lines[0] ?? ""] : lines,
          ...(method === "POST" && { body }),
        });
        expect([400, 401, 403, 404, 405], `${method} ${target} ${reply.status} ${reply.body}`).toContain(reply.status);
      }
    }
  });
});

/** Bodies that come a byte at a time, or stop in the middle: they take what they take, beside everything else. */
function startDrips(): Promise<readonly RawReply[]> {
  const text = `{"model":"home","messages":[${" ".repeat(2_000)}`;
  const drips: readonly RawRequest[] = [
    { head: head(["Content-Length: 2000"]), body: (socket) => drip(socket, text, 200) },
    { head: head(["Content-Length: 200000"]), body: (socket) => drip(socket, text, 200) },
    { head: head(["Transfer-Encoding: chunked"]), body: (socket) => pour(socket, "1\r\n \r\n", 1_000) },
    { head: head(["Content-Length: 2000"]), body: '{"model":' },
    { target: PATHS["anthropic-messages"], head: head(["Content-Length: 2000"]) },
  ];
  return Promise.all(drips.map((request) => send({ ...request, patienceMs: PATIENCE_MS })));
}

// planted: bodies of up to 64 KiB were awaited without a timer, and the first drip was never answered.
test("a body that drips or stops is answered in the end", async () => {
  const replies = await dripping;
  for (const [index, reply] of replies.entries()) {
    expect(reply.endedBy, `drip ${index}`).toBe("reply");
    // A 408 is sent again by the SDKs. What does not declare its length would end the same way.
    expectRefusal(index === 4 ? "anthropic-messages" : "openai-chat", reply, index === 2 ? 400 : 408);
    expect(reply.headers.get("x-should-retry")).toBe(index === 2 ? "false" : undefined);
  }
  console.log(`drips: ${replies.map(({ ms }) => `${(ms / 1_000).toFixed(1)} s`).join(", ")}`);
  await expectNothingReserved();
});

// planted: identifiers of any text, which were admitted under the limited key.
test("after all that the same process answers, and nothing was reserved", async () => {
  expect(stack.process("gateway").restarts()).toBe(0);
  expect((await fetch(`${stack.gateway}/healthz`)).status).toBe(200);
  const answer = await stack.openai.chat.completions.create({
    model: "home",
    user: END_USER,
    messages: [{ role: "user", content: ASK }],
  });
  expect(answer.choices[0]?.finish_reason).toBe("stop");
  await expectNothingReserved();
});

// planted: a request that cannot be decoded logs its body; a refusal quotes the field that is wrong
test("no credential, prompt or end user was told, logged, counted or kept", async () => {
  await stack.runCron();
  const words = { prompt: PROMPT, "end user": END_USER };
  const credentials = credentialsOf(stack, provider, { limited });
  for (const { text, status = 400 } of replies) {
    expectNone("a reply", text, credentials);
    // What is a failure quotes nothing of the request.
    if (status >= 400) expectNone("a refusal", text, words);
  }
  const searched = await expectNothingKept(stack, { credentials, words });
  expect(searched.logLines).toBeGreaterThan(100);
  expect(searched.rows).toBeGreaterThan(100);
  console.log(`searched: ${replies.length} replies, ${JSON.stringify(searched)}`);
});
