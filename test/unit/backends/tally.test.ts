import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, startBackend, type TallyCall } from "../../../dev/backends/main.ts";
import { eventually, rawPost } from "./raw-client.ts";

let backend: SimulatedBackend;
const tallyFile = join(tmpdir(), `simulated-tally-${process.pid}.jsonl`);
beforeEach(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0, name: "home", tallyFile });
});
afterEach(async () => {
  await backend.close();
  await rm(tallyFile, { force: true });
});

function ask(content: string, requestId: string, extra: object = {}, headers: Record<string, string> = {}) {
  const body = { model: "simulated-small", messages: [{ role: "user", content }], ...extra };
  return rawPost(backend.url, { headers: { "x-request-id": requestId, ...headers }, body });
}

function finished(requestId: string): Promise<TallyCall> {
  return eventually(
    () => backend.tally(requestId).find((call) => call.outcome !== "running"),
    `the end of ${requestId}`,
  );
}

async function startAndLeave(
  requestId: string,
  content: string,
  extra: object,
  leaveWhen: (received: number) => boolean,
): Promise<void> {
  const leaving = new AbortController();
  const response = await fetch(`${backend.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "x-request-id": requestId },
    body: JSON.stringify({ model: "simulated-small", messages: [{ role: "user", content }], ...extra }),
    signal: leaving.signal,
  });
  let received = 0;
  for await (const piece of response.body ?? []) {
    received += new TextDecoder().decode(piece).split("data: ").length - 1;
    if (leaveWhen(received)) break;
  }
  leaving.abort();
}

// planted: usage counted as reported though no usage frame was sent
test("a finished call is accounted for: bytes, frames, tokens, usage", async () => {
  const answer = await ask("[[sim:tokens=9]]", "done", { stream: true, stream_options: { include_usage: true } });
  expect(await finished("done")).toMatchObject({
    backend: "home",
    requestId: "done",
    format: "openai",
    path: "/v1/chat/completions",
    model: "simulated-small",
    streamed: true,
    faults: [],
    status: 200,
    tokensGenerated: 9,
    tokensDelivered: 9,
    framesDelivered: 9 + 4,
    bytesDelivered: answer.body.length,
    finishDelivered: true,
    usageReported: { promptTokens: 3 + 4, completionTokens: 9 },
    promptTokens: 3 + 4,
    outcome: "completed",
  });
  await ask("[[sim:tokens=9]]", "unasked", { stream: true });
  expect(await finished("unasked")).not.toHaveProperty("usageReported");
});

// planted: headers were kept as they came
test("what was received is kept as received, credentials masked to their last four", async () => {
  await ask(
    "body [[sim:tokens=1]]",
    "seen",
    { seed: 7 },
    { Authorization: "Bearer a-long-secret-1234", "X-Mixed": "Kept" },
  );
  const call = await finished("seen");
  expect(call.headers).toContainEqual(["Authorization", "…1234"]);
  expect(call.headers).toContainEqual(["X-Mixed", "Kept"]);
  expect(JSON.stringify(call)).not.toContain("a-long-secret");
  expect(call.body).toMatchObject({ seed: 7 });
  await rawPost(backend.url, {
    headers: { "x-request-id": "digits" },
    body: '{"model":"simulated-small","messages":[],"big":12345678901234567890}',
  });
  expect((await finished("digits")).bodyText).toContain("12345678901234567890");
});

// planted: an aborted call counted all of its tokens
test("a client that leaves stops the generation, and the tally says at which token", async () => {
  await startAndLeave("left", "[[sim:tps=100]][[sim:tokens=1000]]", { stream: true }, (frames) => frames >= 6);
  const call = await finished("left");
  expect(call).toMatchObject({ outcome: "aborted", finishDelivered: false });
  expect(call.tokensGenerated).toBeGreaterThanOrEqual(5);
  expect(call.tokensGenerated).toBeLessThan(200);
  expect(call.tokensDelivered).toBeLessThanOrEqual(call.tokensGenerated);
  expect(call.clientClosedAtMs).toBeGreaterThanOrEqual(call.arrivedAtMs);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(backend.tally("left")[0]?.tokensGenerated).toBe(call.tokensGenerated);
});

// planted: a JSON call that was left counted no token
test("leaving a JSON call counts the tokens that existed by then and delivers none", async () => {
  const leaving = new AbortController();
  const call = fetch(`${backend.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "x-request-id": "json" },
    body: JSON.stringify({
      model: "simulated-small",
      messages: [{ role: "user", content: "[[sim:tps=200]][[sim:tokens=2000]]" }],
    }),
    signal: leaving.signal,
  });
  const refused = expect(call).rejects.toThrow();
  await eventually(() => backend.tally("json")[0], "the call");
  await new Promise((resolve) => setTimeout(resolve, 60));
  leaving.abort();
  await refused;
  const seen = await finished("json");
  expect(seen).toMatchObject({ outcome: "aborted", tokensDelivered: 0, bytesDelivered: 0 });
  expect(seen.tokensGenerated).toBeGreaterThan(2);
  expect(seen.tokensGenerated).toBeLessThan(1000);
  expect(seen).not.toHaveProperty("usageReported");
});

// planted: a seat was never given back on abort
test("a client that leaves gives its seat and its place in the queue back", async () => {
  backend.setPacing({ maxNumSeqs: 1 });
  await startAndLeave("first", "[[sim:tps=100]][[sim:tokens=1000]]", { stream: true }, (frames) => frames >= 2);
  await finished("first");
  expect((await ask("[[sim:tokens=1]]", "second")).status).toBe(200);
  expect(await (await fetch(`${backend.url}/load`)).json()).toEqual({ server_load: 0 });
});

// planted: a cut was booked as aborted
test("outcomes tell a fault from a refusal and from a leaving client", async () => {
  const outcomeOf = async (fault: string, extra: object = { stream: true }) => {
    const id = `outcome ${fault} ${JSON.stringify(extra)}`;
    await ask(`[[sim:tokens=12]][[sim:fault=${fault}]]`, id, extra);
    const call = await finished(id);
    return [call.outcome, call.finishDelivered];
  };
  expect(await outcomeOf("truncate,at=400")).toEqual(["failed", false]);
  expect(await outcomeOf("truncate,at=400,by=reset")).toEqual(["failed", false]);
  expect(await outcomeOf("truncate,at=400,by=clean", {})).toEqual(["failed", false]);
  expect(await outcomeOf("truncate,at=99999")).toEqual(["completed", true]);
  expect(await outcomeOf("error-frame")).toEqual(["failed", false]);
  expect(await outcomeOf("no-finish")).toEqual(["failed", false]);
  expect(await outcomeOf("no-done")).toEqual(["completed", true]);
  expect(await outcomeOf("split,every=50")).toEqual(["completed", true]);
  expect(await outcomeOf("server-error")).toEqual(["refused", false]);
  expect(await outcomeOf("refuse")).toEqual(["refused", false]);
});

// planted: bytes were counted when queued
test("a cut's bytes are counted to the byte, and whole frames only as frames", async () => {
  const answer = await ask("[[sim:tokens=12]][[sim:fault=truncate,at=777]]", "cut", { stream: true });
  expect(answer.body).toHaveLength(777);
  const call = await finished("cut");
  const frames = answer.body.toString("utf8").split("\n\n").length - 1;
  expect(call).toMatchObject({
    bytesDelivered: 777,
    framesDelivered: frames,
    tokensDelivered: frames - 1,
    faults: ["truncate"],
  });
});

// planted: zero-usage reported the true counts to the tally
test("the tally holds what was reported and what was true", async () => {
  await ask("[[sim:tokens=5]][[sim:fault=zero-usage]]", "zero");
  expect(await finished("zero")).toMatchObject({
    usageReported: { promptTokens: 0, completionTokens: 0 },
    tokensGenerated: 5,
  });
  await ask("[[sim:tokens=5]][[sim:fault=no-usage]]", "none");
  expect(await finished("none")).not.toHaveProperty("usageReported");
});

// planted: the file was written at the end of the process
test("the tally file has a line for each finished call at once", async () => {
  await ask("[[sim:tokens=2]]", "filed");
  const call = await finished("filed");
  const lines = (await readFile(tallyFile, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TallyCall);
  expect(lines).toEqual([call]);
  const overHttp = (await (await fetch(`${backend.url}/sim/tally?request=filed`)).json()) as { calls: TallyCall[] };
  expect(overHttp.calls).toEqual([call]);
});

/** V8 parses this and overflows its stack when it is to write it again; plain arrays it can write. */
const DEEP = `${'{"0":'.repeat(30_000)}1${"}".repeat(30_000)}`;

// planted: deep bodies broke the reading of the whole tally
test("bodies that are no JSON, or nest too deep, are told of without harm", async () => {
  await rawPost(backend.url, { headers: { "x-request-id": "broken" }, body: "{" });
  await rawPost(backend.url, { headers: { "x-request-id": "deep" }, body: DEEP });
  expect(await finished("broken")).toMatchObject({ status: 400, bodyText: "{", outcome: "refused" });
  expect(await finished("deep")).toMatchObject({ status: 400, bodyBytes: DEEP.length });
});
