import type { WorkerName } from "../scripts/wrangler.ts";
import type { LeftOut } from "../src/config/left-out.ts";
import type { BaseConfig } from "../src/core/config.ts";
import type { Child } from "./child.ts";
import type { RedisForm, ServiceReport } from "./local-services.ts";
import type { Externals, Surroundings } from "./worker-env.ts";

export interface StackOptions {
  /** `dev`: sources under `wrangler dev`, reloaded on change. `serve` (default): the built bundle on plain workerd. */
  readonly mode?: "dev" | "serve";
  /** The first gateway's; 0, the default, takes a free one. Further gateways take the ones after it. */
  readonly port?: number;
  /** Gateway processes that share everything else; 1 by default. */
  readonly gateways?: number;
  /** Default `.dev` in the project. */
  readonly dataDir?: string;
  /** Starts from nothing: data, secrets and key of the data directory are removed first. */
  readonly fresh?: boolean;
  /** A YAML file; default `GATEWAY_CONFIG`, else config/homelab.yaml. */
  readonly configFile?: string;
  readonly redis?: RedisForm;
  /** A native Postgres (superuser's URL) behind the local endpoint, in place of PGlite. */
  readonly postgresUrl?: string;
  /** Where real services and further settings are read from; default: the process's environment. Tests give `{}` or their own. */
  readonly surroundings?: Surroundings;
  /** Variables of the gateway that win over everything else. */
  readonly gatewayEnv?: Readonly<Record<string, string>>;
  readonly ledgerEnv?: Readonly<Record<string, string>>;
  /** Command-line flags of both simulated backends, e.g. `["--ttft-ms", "0", "--tokens-per-second", "0"]`. */
  readonly backendFlags?: readonly string[];
  /** Fields of the local key that is minted, e.g. `{ tier: "premium" }`. */
  readonly key?: Readonly<Record<string, unknown>>;
  /** Whether a process that ends by itself is started again; true by default. */
  readonly restart?: boolean;
  /** Fires the ledger's cron every minute; true by default. Tests that count turn it off and call `runCron`. */
  readonly cron?: boolean;
  /** What a person would want to know: a process that was started again. */
  readonly onNotice?: (line: string) => void;
  /** Mode `dev` only: each line that a Worker's wrangler prints. */
  readonly onWorkerLine?: (worker: WorkerName, line: string) => void;
}

export type ProcessName = "gateway" | "ledger" | "seats" | "redis" | "postgres" | "home" | "cloud";

export interface Stack {
  readonly gateway: string;
  /** All of them, the first included. */
  readonly gateways: readonly string[];
  readonly apiKey: string;
  /** Whether this start made the key. */
  readonly apiKeyIsNew: boolean;
  readonly adminKey: string;
  readonly metricsToken: string;
  /** The alias to ask for first. */
  readonly model: string;
  readonly config: BaseConfig;
  readonly dataDir: string;
  readonly secretsFile: string;
  readonly externals: Externals;
  /** Backends of the configuration that lack a variable, and the routes that have no other. */
  readonly leftOut: LeftOut;
  /** Local endpoints; undefined where the real thing is used. Redis and Postgres are controlled at `/__control`, backends at `controlUrl`. */
  readonly redis: (ServiceReport & { readonly gatewayToken: string; readonly ledgerToken: string }) | undefined;
  readonly postgres: (ServiceReport & { roleUrl(role?: string): string }) | undefined;
  readonly home: ServiceReport | undefined;
  readonly cloud: ServiceReport | undefined;
  /** The seats Worker, where a backend has seats: `GET /<backend>` says how many are taken and how many requests wait. */
  readonly seats: { readonly url: string } | undefined;
  /** The process, for signals and for counting what it used. `index` picks among several gateways. */
  process(name: ProcessName, index?: number): Child<unknown>;
  /** Fires the ledger's cron trigger now and resolves when its handler has ended. */
  runCron(): Promise<void>;
  /** Ends everything that was started. May be called more than once. */
  stop(): Promise<void>;
}
