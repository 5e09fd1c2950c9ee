import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { projectRoot } from "../../scripts/project.ts";

interface IngressRule {
  readonly path?: string;
  readonly service: string;
}

/** The paths that `tunnels/config.yml` lets through: the simulated tunnel obeys the file that a real cloudflared is given. */
export function allowedPaths(file = join(projectRoot, "tunnels", "config.yml")): RegExp {
  const { ingress } = parse(readFileSync(file, "utf8")) as { readonly ingress: readonly IngressRule[] };
  const [first, last] = [ingress[0], ingress.at(-1)];
  if (first?.path === undefined || last?.service !== "http_status:404")
    throw new Error(`${file}: expected one rule with a path, and http_status:404 behind it`);
  return new RegExp(first.path);
}
