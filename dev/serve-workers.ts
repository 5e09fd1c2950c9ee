import { type Child, startChild } from "./child.ts";
import { openQueue, type Retry } from "./queue.ts";
import type { RunningWorkers, ServePlan } from "./running-workers.ts";
import { gatewayPlan, type ListenReport, ledgerPlan, seatsPlan } from "./workerd.ts";

const DELIVERY_DEADLINE_MS = 15 * 60_000;

/** Hosts the built bundles on plain workerd: a process for the ledger, one for the seats where a backend has any, one or more for the gateway, and the queue between them in this one. */
export async function serveWorkers(plan: ServePlan): Promise<RunningWorkers> {
  const { build, environments, dataDir, childOptions } = plan;
  const started: Child<ListenReport>[] = [];
  const stopAll = async (): Promise<void> => {
    await Promise.all(started.map((child) => child.stop()));
  };
  try {
    const ledger = await startChild(
      ledgerPlan({
        name: "ledger",
        worker: build.workers.ledger,
        env: environments.ledger,
        runDir: dataDir.runDir("ledger"),
        logFile: dataDir.logFile("ledger"),
        port: 0,
      }),
      childOptions,
    );
    started.push(ledger);
    const [consumer] = build.workers.ledger.consumes;
    if (consumer === undefined) throw new Error("the ledger's wrangler.toml names no queue to consume");
    const queue = await openQueue(consumer, async (name, messages) => {
      const { retry } = (await order(ledger, "queue", { queue: name, messages })) as {
        readonly retry: readonly Retry[];
      };
      return retry;
    });
    const seats = plan.hasSeats
      ? await startChild(
          seatsPlan({
            name: "seats",
            worker: build.workers.seats,
            env: environments.seats,
            runDir: dataDir.runDir("seats"),
            logFile: dataDir.logFile("seats"),
            port: 0,
          }),
          childOptions,
        )
      : undefined;
    if (seats) started.push(seats);
    const addresses = { queue: queue.address, seats: seats && `127.0.0.1:${seats.ready.port}` };
    const gateways = await Promise.all(
      plan.ports.map(async (port, index) => {
        const name = index === 0 ? "gateway" : `gateway-${index + 1}`;
        const host = {
          name,
          worker: build.workers.gateway,
          env: environments.gateway,
          runDir: dataDir.runDir(name),
          logFile: dataDir.logFile(name),
          port,
        };
        const gateway = await startChild(gatewayPlan(host, addresses), childOptions);
        started.push(gateway);
        return { url: `http://127.0.0.1:${gateway.ready.port}`, process: gateway };
      }),
    );
    return {
      gateways,
      ledger,
      seats,
      async runCron() {
        for (const cron of build.workers.ledger.crons) {
          const said = (await order(ledger, "scheduled", { cron, scheduledTimeMs: Date.now() })) as { outcome: string };
          if (said.outcome !== "ok") throw new Error(`the ledger's cron handler ended with "${said.outcome}"`);
        }
      },
      async stop() {
        await queue.close();
        await stopAll();
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function order(ledger: Child<ListenReport>, path: string, body: object): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${ledger.ready.port}/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(DELIVERY_DEADLINE_MS),
  });
  if (!response.ok) throw new Error(`the ledger's host answered ${response.status}: ${await response.text()}`);
  return response.json();
}
