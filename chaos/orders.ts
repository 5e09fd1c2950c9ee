import { setTimeout as pause } from "node:timers/promises";
import { bucketOf, type Stage, type Troupe } from "./stage.ts";
import type { Fault, Order } from "./types.ts";

/** Carries out what a row does to the stack, from the start of its cells until they are through. */
export class Orders {
  readonly #stage: Stage;
  readonly #troupe: Troupe;
  readonly #done = new AbortController();
  readonly #running: Promise<unknown>;

  private constructor(stage: Stage, troupe: Troupe, orders: readonly Order[]) {
    this.#stage = stage;
    this.#troupe = troupe;
    this.#running = Promise.all(orders.map((order) => this.#run(order)));
  }

  /** Resolves when everything that is to be so from the start is so. */
  static async begin(stage: Stage, troupe: Troupe, { orders = [] }: Fault): Promise<Orders> {
    const first = orders.filter(({ atMs, everyMs }) => atMs === 0 && everyMs === undefined);
    for (const order of first) await carryOut(stage, troupe, order);
    return new Orders(
      stage,
      troupe,
      orders.filter((order) => !first.includes(order)),
    );
  }

  /** Nothing more is begun; resolves when what had begun is over. */
  async end(): Promise<void> {
    this.#done.abort();
    await this.#running;
  }

  async #run(order: Order): Promise<void> {
    const { signal } = this.#done;
    await pause(order.atMs, undefined, { signal }).catch(() => undefined);
    while (!signal.aborted) {
      await carryOut(this.#stage, this.#troupe, order);
      if (order.everyMs === undefined) return;
      await pause(order.everyMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function carryOut({ stack }: Stage, troupe: Troupe, order: Order): Promise<void> {
  // The control path is out of reach while nothing listens.
  if (order.redis) await stack.redisControl(withTokens(order.redis, stack.redis?.gatewayToken)).catch(() => undefined);
  if (order.postgres) await stack.postgresControl(order.postgres);
  if (order.spoilKey) await stack.redisControl({ wrongType: { key: bucketOf(troupe), type: "list" } });
  if (order.kill === undefined) return;
  const victim = order.kill === "gateway" ? stack.process("gateway", 1) : stack.process(order.kill);
  await victim.whenReady();
  await victim.kill("SIGKILL");
}

/** The table says `gateway` where a fault is for the gateway's calls alone. */
function withTokens(order: Readonly<Record<string, unknown>>, gatewayToken: string | undefined): unknown {
  const { faults } = order;
  if (!Array.isArray(faults)) return order;
  return {
    ...order,
    faults: faults.map((fault: { token?: string }) => ({ ...fault, ...(fault.token && { token: gatewayToken }) })),
  };
}
