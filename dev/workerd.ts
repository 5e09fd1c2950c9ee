import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuiltWorker } from "../scripts/build.ts";
import type { ChildPlan } from "./child.ts";

/**
 * Runs built Workers on plain `workerd serve`, one process each, with a configuration file that is written here. There is no proxy and no
 * emulator in the measured process: Miniflare's direct sockets reach the Worker too, but cost half as much again per request.
 */

export interface ListenReport {
  readonly port: number;
}

interface Host {
  readonly worker: BuiltWorker;
  /** Environment of the Worker, beyond the vars of its wrangler.toml. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder of its own for the code and the configuration. */
  readonly runDir: string;
  readonly logFile: string;
  readonly name: string;
  /** 0: any. A restart takes the same one again. */
  readonly port: number;
}

const READY_WITHIN_MS = 20_000;

/** The platform's own binary; the package resolves to its path. */
function workerdProgram(): string {
  return (createRequire(import.meta.url)("workerd") as { readonly default: string }).default;
}

/** The gateway's process: nothing but the Worker. Where its queue binding sends, and where the seats are, if there are any. */
export function gatewayPlan(
  host: Host,
  { queue, seats }: { readonly queue: string; readonly seats?: string | undefined },
): ChildPlan<ListenReport> {
  const bindings = [
    `(name = "LEDGER_QUEUE", queue = "queue")`,
    ...(seats === undefined ? [] : [`(name = "SEATS", service = "seats")`]),
  ];
  const external = (name: string, address: string): string =>
    `(name = "${name}", external = (address = ${quote(address)}, http = ()))`;
  const services = [
    `(name = "main", worker = .worker)`,
    external("queue", queue),
    ...(seats === undefined ? [] : [external("seats", seats)]),
  ];
  return plan(host, { services, constants: [workerConstant(host, { bindings })], socketService: "main" });
}

/** The seats' process: the Worker and its Durable Objects, which keep their notes on disk. */
export function seatsPlan(host: Host): ChildPlan<ListenReport> {
  const disk = join(host.runDir, "objects");
  mkdirSync(disk, { recursive: true });
  const services = [
    `(name = "main", worker = .worker)`,
    `(name = "disk", disk = (path = ${quote(disk)}, writable = true))`,
  ];
  const { objects } = host.worker;
  const bindings = objects.map(
    ({ binding, className }) => `(name = ${quote(binding)}, durableObjectNamespace = ${quote(className)})`,
  );
  const namespaces = objects.map(
    ({ className }) => `(className = ${quote(className)}, uniqueKey = ${quote(className)}, enableSql = true)`,
  );
  const members = [
    `durableObjectNamespaces = [${namespaces.join(", ")}],`,
    `durableObjectStorage = (localDisk = "disk"),`,
  ];
  return plan(host, { services, constants: [workerConstant(host, { bindings, members })], socketService: "main" });
}

/** The ledger's process: the Worker, and in front of it the small one that turns HTTP into queue and cron events. */
export function ledgerPlan(host: Host): ChildPlan<ListenReport> {
  copyHost(host.runDir);
  const services = [`(name = "host", worker = .host)`, `(name = "ledger", worker = .worker)`];
  const front = `const host :Workerd.Worker = (
  modules = [(name = "host.js", esModule = embed "host.js")],
  compatibilityDate = ${quote(host.worker.compatibilityDate)},
  compatibilityFlags = ["service_binding_extra_handlers"],
  bindings = [(name = "WORKER", service = "ledger")],
);`;
  return plan(host, { services, constants: [workerConstant(host, {}), front], socketService: "host" });
}

function copyHost(runDir: string): void {
  mkdirSync(runDir, { recursive: true });
  copyFileSync(fileURLToPath(new URL("ledger-host.js", import.meta.url)), join(runDir, "host.js"));
}

interface Parts {
  readonly services: readonly string[];
  readonly constants: readonly string[];
  readonly socketService: string;
}

function plan(host: Host, parts: Parts): ChildPlan<ListenReport> {
  const configFile = join(host.runDir, "workerd.capnp");
  writeFileSync(configFile, configText(parts));
  return {
    name: host.name,
    command: workerdProgram(),
    args: (before) => [
      "serve",
      // For the events that the host Worker hands on; the gateway needs nothing of it.
      "--experimental",
      configFile,
      `--socket-addr=http=127.0.0.1:${before?.port ?? host.port}`,
      "--control-fd=3",
      ...(process.env.LAB_ARGS && host.name === "gateway" ? process.env.LAB_ARGS.split(" ") : []),
    ],
    env: host.env,
    logFile: host.logFile,
    readyOn: "descriptor 3",
    readReady: readListenReport,
    readyWithinMs: READY_WITHIN_MS,
  };
}

/** workerd writes a JSON line per socket it listens on: `{"event":"listen","socket":"http","port":8787}`. */
function readListenReport(line: string): ListenReport | undefined {
  const report = JSON.parse(line) as { event?: string; socket?: string; port?: number };
  return report.event === "listen" && report.socket === "http" && report.port !== undefined
    ? { port: report.port }
    : undefined;
}

function configText({ services, constants, socketService }: Parts): string {
  // Loopback and private addresses are where a home lab is; "public" alone would refuse them.
  const network = `(name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true)))`;
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ${[...services, network].join(",\n    ")},
  ],
  ${process.env.LAB_V8 ? `v8Flags = [${process.env.LAB_V8.split(" ").map(quote).join(", ")}],` : ""}
  sockets = [(name = "http", http = (), service = ${quote(socketService)})],
);

${constants.join("\n\n")}
`;
}

/**
 * The Worker as a constant of the configuration. Its code is copied beside it, so that a later build does not change what a restarted process
 * runs. Values come from the process's environment: no secret is written to the file.
 */
function workerConstant(
  { worker, env, runDir }: Host,
  { bindings = [], members = [] }: { readonly bindings?: readonly string[]; readonly members?: readonly string[] },
): string {
  const codeDir = join(runDir, "code");
  rmSync(codeDir, { recursive: true, force: true });
  mkdirSync(codeDir, { recursive: true });
  const modules = readdirSync(worker.directory).flatMap((file) => {
    const kind = moduleKind(file);
    if (kind === undefined) return [];
    copyFileSync(join(worker.directory, file), join(codeDir, file));
    return [`(name = ${quote(file)}, ${kind} = embed ${quote(`code/${file}`)})`];
  });
  modules.sort((a, b) => Number(b.includes('"index.js"')) - Number(a.includes('"index.js"')));
  const variables = [
    ...Object.entries(worker.vars)
      .filter(([key]) => env[key] === undefined)
      .map(([key, value]) => `(name = ${quote(key)}, text = ${quote(value)})`),
    ...Object.keys(env).map((key) => `(name = ${quote(key)}, fromEnvironment = ${quote(key)})`),
  ];
  return `const worker :Workerd.Worker = (
  modules = [
    ${modules.join(",\n    ")},
  ],
  compatibilityDate = ${quote(worker.compatibilityDate)},
  compatibilityFlags = [${worker.compatibilityFlags.map(quote).join(", ")}],
  bindings = [
    ${[...variables, ...bindings].join(",\n    ")},
  ],
  ${members.join("\n  ")}
);`;
}

/** wrangler's bundle is index.js, and beside it what the code imports as data. */
function moduleKind(file: string): string | undefined {
  if (file.endsWith(".js") || file.endsWith(".mjs")) return "esModule";
  if (file.endsWith(".wasm")) return "wasm";
  if (/\.(txt|html|sql|lua|css)$/.test(file)) return "text";
  return file.endsWith(".bin") ? "data" : undefined;
}

/** A text of Cap'n Proto's configuration language. */
function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
