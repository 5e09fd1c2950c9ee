import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Child, ChildOptions } from "../dev/child.ts";
import { startChild } from "../dev/child.ts";
import type { Stack } from "../dev/stack.ts";
import { gatewayPlan } from "../dev/workerd.ts";

/** Something that answers at a URL, and the process whose CPU and memory count. */
export interface Contender {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The model to ask for. */
  readonly model: string;
  /** Where it is asked; OpenAI's path for chats where absent. */
  readonly path?: string;
  /** What its requests say beside that. */
  readonly more?: Readonly<Record<string, unknown>>;
  pid(): number;
}

const FLOORS = ["pass-through", "calls", "frames"] as const;

/** The floors on the same host, runtime and flags as the gateway: plain workerd, one process each. */
export async function startFloors(
  stack: Stack,
  workDir: string,
  options: ChildOptions,
): Promise<readonly (Contender & { stop(): Promise<void> })[]> {
  return Promise.all(
    FLOORS.map(async (floor) => {
      const directory = join(workDir, floor);
      mkdirSync(directory, { recursive: true });
      copyFileSync(new URL(`floors/${floor}.js`, import.meta.url), join(directory, "index.js"));
      const child: Child<{ readonly port: number }> = await startChild(
        gatewayPlan(
          {
            name: `floor-${floor}`,
            worker: {
              directory,
              compatibilityDate: "2026-10-20",
              compatibilityFlags: ["enable_request_signal"],
              vars: {},
              consumes: [],
              crons: [],
              objects: [],
            },
            env: {
              UPSTREAM: stack.home?.url ?? "",
              REDIS: stack.redis?.url ?? "",
              TOKEN: stack.redis?.ledgerToken ?? "",
            },
            runDir: directory,
            logFile: join(workDir, `${floor}.log`),
            port: 0,
          },
          { queue: "127.0.0.1:9" },
        ),
        options,
      );
      return {
        name: `floor ${floor}`,
        url: `http://127.0.0.1:${child.ready.port}`,
        headers: { "content-type": "application/json" },
        model: "simulated-bench",
        pid: () => child.pid() ?? 0,
        stop: () => child.stop(),
      };
    }),
  );
}

export function gatewayContender(stack: Stack): Contender {
  return {
    name: "llm-gateway",
    url: stack.gateway,
    headers: { "content-type": "application/json", authorization: `Bearer ${stack.apiKey}` },
    model: "bench",
    pid: () => stack.process("gateway").pid() ?? 0,
  };
}

/**
 * The same gateway, asked in each format for a model that a backend of each format serves: for every client a stream that passes as it is, and one that
 * is translated. `row` is theirs in the report.
 */
export function translations(stack: Stack): readonly { readonly row: string; readonly contender: Contender }[] {
  const gateway = gatewayContender(stack);
  const openai = { ...gateway };
  const anthropic = { ...gateway, path: "/v1/messages", more: { max_tokens: 4096 } };
  return [
    { row: "openaiClient", contender: { ...openai, name: "OpenAI-format backend", model: "bench" } },
    { row: "openaiClient", contender: { ...openai, name: "Anthropic-format backend", model: "bench-claude" } },
    { row: "anthropicClient", contender: { ...anthropic, name: "Anthropic-format backend", model: "bench-claude" } },
    { row: "anthropicClient", contender: { ...anthropic, name: "OpenAI-format backend", model: "bench" } },
  ];
}
