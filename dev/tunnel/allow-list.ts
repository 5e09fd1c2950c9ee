import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { projectRoot } from "../../scripts/project.ts";

interface IngressRule {
  readonly path?: string;
  readonly service: string;
}

/** What passes: a path of the tunnel's list, and behind it a method and path of the second one. */
export interface AllowLists {
  readonly paths: RegExp;
  /** `POST /v1/embeddings`, as the second list knows them. */
  readonly calls: ReadonlySet<string>;
}

/** The lists of `tunnels/`: the simulated tunnel obeys the files that the real cloudflared and Caddy are given. */
export function allowLists(folder = join(projectRoot, "tunnels")): AllowLists {
  return {
    paths: pathsOf(readFileSync(join(folder, "config.yml"), "utf8")),
    calls: callsOf(readFileSync(join(folder, "Caddyfile"), "utf8")),
  };
}

function pathsOf(configuration: string): RegExp {
  const { ingress } = parse(configuration) as { readonly ingress: readonly IngressRule[] };
  const [first, last] = [ingress[0], ingress.at(-1)];
  if (first?.path === undefined || last?.service !== "http_status:404")
    throw new Error("tunnels/config.yml: expected one rule with a path, and http_status:404 behind it");
  return new RegExp(first.path);
}

/** Reads the named matchers, `@name { method … path … }`; that each is handled, and nothing else, is Caddy's own matter. */
function callsOf(caddyfile: string): ReadonlySet<string> {
  const matchers = [...caddyfile.matchAll(/@\w+ \{\s+method ([A-Z ]+)\n\s+path ([^\n]+)\n\s+\}/g)];
  const calls = matchers.flatMap(([, methods = "", paths = ""]) =>
    methods.split(" ").flatMap((method) => paths.split(" ").map((path) => `${method} ${path}`)),
  );
  if (calls.length === 0) throw new Error("tunnels/Caddyfile: expected matchers of method and path");
  return new Set(calls);
}
