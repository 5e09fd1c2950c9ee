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
          "127.0.0.1:9",
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
