import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { SIMULATED_TOKEN, type SimulatedTunnel, startTunnel } from "../../../dev/tunnel/main.ts";
import type { SmokeOptions } from "../../../tunnels/smoke/check.ts";
import { CHECKS, isWell, smoke, table } from "../../../tunnels/smoke/smoke.ts";

const API_KEY = "simulated-vllm-key";
const MAIN = join(import.meta.dirname, "../../../tunnels/smoke/main.ts");

let backend: SimulatedBackend;
let keyless: SimulatedBackend;
let tunnel: SimulatedTunnel;

beforeAll(async () => {
  const pacing = { ttftMs: 10, tokensPerSecond: 60 };
  backend = await startBackend({ ...pacing, apiKey: API_KEY });
  keyless = await startBackend(pacing);
  tunnel = await startTunnel({ target: backend.url, silenceMs: 5_000 });
});
afterEach(async () => {
  tunnel.reset();
  backend.reset();
  await backend.setDoor("open");
});
afterAll(async () => {
  await tunnel.close();
  await backend.close();
  await keyless.close();
});

function options(change: Partial<SmokeOptions> = {}): SmokeOptions {
  return {
    url: tunnel.url,
    model: "simulated-small",
    embedModel: "simulated-embed",
    rerankModel: "simulated-rerank",
    accessId: SIMULATED_TOKEN.id,
    accessSecret: SIMULATED_TOKEN.secret,
    apiKey: API_KEY,
    streamTokens: 32,
    abortWithinMs: 2_000,
    ...change,
  };
}

/** The problem of the one check that failed. */
async function problemOf(check: string, change?: Partial<SmokeOptions>): Promise<string> {
  const findings = await smoke(options(change));
  const failures = findings.filter(({ verdict }) => verdict?.ok === false);
  expect(failures.map((failure) => failure.check)).toEqual([check]);
  expect(isWell(findings)).toBe(false);
  const line = table(findings)
    .split("\n")
    .find((one) => one.startsWith("FAIL"));
  expect(line).toContain(check);
  return line ?? "";
}

test("a tunnel that is well passes every check", async () => {
  const findings = await smoke(options());
  expect(table(findings)).not.toMatch(/FAIL|not checked/);
  expect(findings.map(({ check }) => check)).toEqual(CHECKS.map(({ name }) => name));
  expect(isWell(findings)).toBe(true);
});

// planted, each in its check: any 404 taken for an allow-list's; every reply taken for a refusal by Access; a stream judged without its spread over time;
// a count that did not fall taken for one that did; no look at /load; vLLM's key held for enforced without a look
describe("each fault of the tunnel fails the check that is about it, with a line that says which", () => {
  test.each<readonly [fault: string, check: string, line: RegExp]>([
    ["down", "reachable", /tunnel down: 530 with error 1033, no cloudflared is connected/],
    ["down,as=json", "reachable", /tunnel down: 530 with error 1033/],
    ["bad-gateway", "reachable", /502 from cloudflared/],
    ["timeout", "reachable", /524: vLLM was silent/],
    ["login", "reachable", /302 to simulated-team\.cloudflareaccess\.invalid: Access does not know the service token/],
    ["forbidden", "reachable", /403: Access refuses the service token/],
    ["open-access", "service token", /\/health without a service token was answered 200 by vllm/],
    ["open-paths", "allow-list of paths", /GET \/docs was answered 404 by vLLM itself/],
    ["no-second-list", "allow-list of methods", /GET \/v1\/chat\/completions was answered 405 by vLLM itself/],
    [
      "blocked,paths=/metrics",
      "health and load",
      /\/metrics: 404 that is not vLLM's: the path is not in an allow-list/,
    ],
    ["blocked,paths=/load", "health and load", /\/load: 404 that is not vLLM's/],
    ["blocked,paths=/v1/embeddings", "models", /embeddings of "simulated-embed": 404 that is not vLLM's/],
    ["buffered", "streaming", /buffered: \d+ frames in 1 pieces/],
    ["deaf", "abort", /abort does not reach the GPU: 1 requests running/],
  ])("%s", async (fault, check, line) => {
    // With one list lost the other still holds: the lists are looked at one by one only when both are there to lose.
    if (fault === "open-paths") tunnel.fault("no-second-list");
    tunnel.fault(fault);
    const findings = await smoke(options());
    const failed = findings.flatMap((finding) => (finding.verdict?.ok === false ? [finding.check] : []));
    const also: Readonly<Record<string, readonly string[]>> = {
      "open-paths": ["allow-list of methods"],
      "blocked,paths=/metrics": ["abort"],
    };
    expect(failed).toEqual([check, ...(also[fault] ?? [])]);
    expect(
      table(findings)
        .split("\n")
        .find((one) => one.startsWith("FAIL")),
    ).toMatch(line);
  });

  test("nobody listening; a backend that is down behind a tunnel that is up", async () => {
    await backend.setDoor("closed");
    expect(await problemOf("reachable")).toMatch(/502 from cloudflared: it runs/);
    expect(await problemOf("reachable", { url: "http://127.0.0.1:2" })).toMatch(/no connection \(ECONNREFUSED\)/);
  });

  test("credentials that are missing, wrong, or asked for by nobody", async () => {
    expect(await problemOf("reachable", { accessSecret: "wrong" })).toMatch(/Access does not know the service token/);
    expect(await problemOf("reachable", { accessId: undefined })).toMatch(/CF_ACCESS_CLIENT_ID/);
    expect(table(await smoke(options({ apiKey: "wrong" })))).toMatch(/FAIL {2}vLLM's key +vLLM refuses VLLM_API_KEY/);
    const open = await startTunnel({ target: keyless.url });
    expect(await problemOf("vLLM's key", { url: open.url })).toMatch(/without a key was answered 200, not 401/);
    await open.close();
  });

  test("a model that is not served, and a vLLM without its metrics", async () => {
    const absent = table(await smoke(options({ model: "absent" })));
    expect(absent).toMatch(/FAIL {2}models +vLLM serves no "absent"/);
    backend.addRule({ match: { path: "/load" }, fault: "server-error,status=404" });
    expect(await problemOf("health and load")).toMatch(/\/load: 404/);
  });
});

// planted: only the first token of a policy let in
test("a service token is exchanged without a moment in which none is good", async () => {
  const next = { id: "next.access", secret: "next-secret" };
  const reach = async (token: typeof next) =>
    (await smoke(options({ accessId: token.id, accessSecret: token.secret })))[0]?.verdict?.ok;
  expect([await reach(SIMULATED_TOKEN), await reach(next)]).toEqual([true, false]);
  tunnel.setTokens([SIMULATED_TOKEN, next]);
  expect([await reach(SIMULATED_TOKEN), await reach(next)]).toEqual([true, true]);
  tunnel.setTokens([next]);
  expect([await reach(SIMULATED_TOKEN), await reach(next)]).toEqual([false, true]);
});

describe("as a program", () => {
  async function run(change: Readonly<Record<string, string>> = {}, ...more: readonly string[]) {
    const given = { CF_ACCESS_CLIENT_ID: SIMULATED_TOKEN.id, CF_ACCESS_CLIENT_SECRET: SIMULATED_TOKEN.secret };
    const env = { PATH: process.env.PATH, ...given, VLLM_API_KEY: API_KEY, ...change };
    const flags = ["--url", tunnel.url, "--model", "simulated-small", "--stream-tokens", "32", ...more];
    return promisify(execFile)(process.execPath, [MAIN, ...flags], { env }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => ({ code: error.code, stdout: error.stdout }),
    );
  }

  test("it ends with 0 and a table, with 1 and the name of what failed, and prints no secret", async () => {
    const well = await run();
    expect(well.code).toBe(0);
    expect(well.stdout).toMatch(/^ok {4}reachable[\s\S]*ok {4}abort[\s\S]*The tunnel is well\.\n$/);
    tunnel.fault("buffered");
    const unwell = await run();
    expect(unwell.code).toBe(1);
    expect(unwell.stdout).toMatch(/The tunnel is not well: streaming\.\n$/);
    expect(well.stdout + unwell.stdout).not.toMatch(/simulated-tunnel-secret|simulated-vllm-key/);
  });
});
