import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { redis } from "../test/support/books.ts";
import { chatRequest } from "../test/support/caller.ts";
import { startTestStack, type TestStack } from "../test/support/stack.ts";
import { aliasOf, chaosConfig, nextAfter, OVERLAY, TLS_VARIABLE } from "./config.ts";

/** A tenant of its own with the key that asks for it. */
export interface Troupe {
  readonly tenant: string;
  readonly key: string;
}

/** The whole stack under the matrix's own configuration, and what its rows need of it. */
export interface Stage {
  readonly stack: TestStack;
  /** A tenant with a key that each gateway has seen, and whose budgets Redis can count for these aliases: a new one needs Postgres. */
  troupe(name: string, tier: "budgeted" | "free", aliases: Iterable<string>): Promise<Troupe>;
  /** Both stores as they were (but for the key that a row spoiled, which goes), all processes there, and the gateways know it. */
  mend(spoiled?: Troupe): Promise<void>;
  stop(): Promise<void>;
}

const BACK_WITHIN_MS = 20_000;
const PLAIN_ALIAS = aliasOf("home", "patient", "chat");

export async function setStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "llm-gateway-chaos-"));
  const configFile = join(folder, "config.yaml");
  writeFileSync(configFile, JSON.stringify(chaosConfig(), null, 2));
  // Whoever says hello in TLS hears of something else.
  const noTls = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await new Promise<void>((resolve) => noTls.listen(0, "127.0.0.1", resolve));
  const address = noTls.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const stack = await startTestStack({
    configFile,
    gateways: 2,
    cron: false,
    key: { tier: "free" },
    gatewayEnv: { [TLS_VARIABLE]: `https://127.0.0.1:${port}/v1` },
    backendFlags: ["--ttft-ms", "2", "--tokens-per-second", "2000", "--max-num-seqs", "256", "--max-queued", "256"],
  });

  const isServed = async (gateway: string, key: string, alias = PLAIN_ALIAS): Promise<boolean> => {
    const format = alias.startsWith("complete-") ? "openai-completions" : "openai-chat";
    const { path, body } = chatRequest(format, alias, "Are you there?", false, { max_tokens: 1 });
    const response = await fetch(`${gateway}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    }).catch(() => undefined);
    await response?.text();
    // Only Redis knows what is left of a limit.
    return response?.ok === true && response.headers.has("x-ratelimit-limit-requests");
  };

  const isHeld = async (gateway: string): Promise<boolean> => {
    const { path, body } = chatRequest("openai-chat", aliasOf("held", "patient", "chat"), "Who is there?", false);
    const headers = { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" };
    const response = await fetch(`${gateway}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    await response.text();
    return response.headers.get("x-gateway-backend") === nextAfter("held");
  };
  const published = await stack.admin("PUT", "/overlay", { version: 1, ...OVERLAY });
  if (published.status !== 200) throw new Error(`overlay: ${published.status} ${await published.text()}`);
  // Each gateway reads it behind the first request that names its version.
  for (const gateway of stack.gateways)
    if (!(await until(() => isHeld(gateway)))) throw new Error("a gateway did not learn of the overlay");

  return {
    stack,
    async troupe(name, tier, aliases) {
      const tenant = `chaos-${name}`;
      const made = await stack.admin("POST", "/tenants", { tenant });
      if (made.status !== 201) throw new Error(`tenant ${tenant}: ${made.status} ${await made.text()}`);
      const key = await stack.mint({ tenant, tier, user: "ann" });
      const served = await Promise.all([
        ...stack.gateways.map((gateway) => until(() => isServed(gateway, key))),
        ...[...new Set(aliases)].map((alias) => until(() => isServed(stack.gateway, key, alias))),
      ]);
      if (served.includes(false)) throw new Error(`${tenant}: its key is not served`);
      return { tenant, key };
    },
    async mend(spoiled) {
      // Where nothing listens there is no control either.
      const isClear = await until(() =>
        stack.redisControl({ faults: [] }).then(
          () => true,
          () => false,
        ),
      );
      await stack.postgresControl({});
      if (isClear && spoiled) await redis(stack, [["DEL", bucketOf(spoiled)]]);
      await stack.process("ledger").whenReady();
      await stack.process("seats").whenReady();
      for (const index of stack.gateways.keys()) await stack.process("gateway", index).whenReady();
      // The stack's own key has no budget: it is served whenever Redis is there.
      for (const gateway of stack.gateways) {
        if (!(await until(() => isServed(gateway, stack.apiKey)))) throw new Error("the stack did not come back");
      }
    },
    async stop() {
      await stack.stop();
      noTls.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function until(look: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + BACK_WITHIN_MS;
  while (!(await look())) {
    if (Date.now() > deadline) return false;
    await pause(50);
  }
  return true;
}

/** Where Redis keeps the bucket of a troupe's key. */
export const bucketOf = ({ tenant, key }: Troupe): string => `t:{${tenant}}:b:key:${key.slice(3, 19)}`;
