import type { Build } from "../scripts/build.ts";
import type { Child, ChildOptions } from "./child.ts";
import type { DataDir } from "./data-dir.ts";
import type { WorkerEnvironments } from "./worker-env.ts";

/** The Workers of a stack, whichever way they are hosted. */
export interface RunningWorkers {
  readonly gateways: readonly RunningGateway[];
  readonly ledger: Child<unknown>;
  /** Undefined where no backend has seats. */
  readonly seats: Child<{ readonly port: number }> | undefined;
  /** Fires the ledger's cron trigger now. Rejects where the ledger is away or its handler failed. */
  runCron(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunningGateway {
  readonly url: string;
  readonly process: Child<unknown>;
}

/** What both ways of hosting need. */
export interface HostingPlan {
  readonly environments: WorkerEnvironments;
  readonly dataDir: DataDir;
  /** One a gateway process; 0 takes a free one. */
  readonly ports: readonly number[];
  readonly childOptions: ChildOptions;
  /** Whether a backend of the configuration has seats. */
  readonly hasSeats: boolean;
}

export interface ServePlan extends HostingPlan {
  readonly build: Build;
}
