import { Hono } from "hono";
import { expect, it } from "vitest";
import { infer } from "../../../src/http/routes/inference.ts";
import { strangerList } from "../../../src/stores/isolate/strangers.ts";
import { playedGateway } from "../../support/pipeline.ts";

const ADDRESS = "192.0.2.7";
/** Well formed, and of no key. */
const STRANGE = `gw_${"a".repeat(16)}_${"B".repeat(43)}`;
/** Of the key that the played gateway holds, although it is not of a key's form. */
const KNOWN = "played";
const LARGE_BYTES = 100_000;

/** The status of a request whose body is no JSON: 400 tells that it was read. */
async function send(token: string, { blocked = false, declared = true, bytes = LARGE_BYTES } = {}) {
  const strangers = strangerList(4);
  const recorder = { settlements: [], bugs: [], calls: [] };
  const gateway = playedGateway(() => Response.json({}, { status: 400 }), recorder, { strangers });
  if (blocked) strangers.block(ADDRESS, gateway.clock.now() + 60_000);
  const app = new Hono().post("/", (context) => infer(context, "openai-chat", gateway));
  const text = "x".repeat(bytes);
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "cf-connecting-ip": ADDRESS,
    ...(declared && { "content-length": String(bytes) }),
  };
  const request = new Request("http://gateway.test/", { method: "POST", headers, body: text });
  return (await app.request(request)).status;
}

// planted: the test left out; asked of bodies that declare their length only
it.each([
  ["declared", true],
  ["not declared", false],
])(
  "reads no large body (length %s) for a token that is no API key, nor for an address that is blocked",
  async (_, declared) => {
    expect(await send("sk-guess", { declared })).toBe(401);
    expect(await send(STRANGE, { declared, blocked: true })).toBe(429);
    expect(await send(STRANGE, { declared })).toBe(400);
  },
);

// planted: blocked addresses refused whoever asks
it("reads it for a key that the isolate knows, from wherever it comes", async () => {
  expect(await send(KNOWN, { blocked: true })).toBe(400);
});

it("keeps the pipeline's order for small bodies: what is wrong with the body is told first", async () => {
  expect(await send("sk-guess", { bytes: 12 })).toBe(400);
});
