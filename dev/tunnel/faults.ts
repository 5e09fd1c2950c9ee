import { EDGE_FORMS } from "./edge-replies.ts";

/** What one fault of the tunnel does, and the words it takes. */
interface FaultRow {
  readonly summary: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const AS = { as: `${EDGE_FORMS.join(", ")}; html by default` };

/** Every fault of the simulated tunnel. The first five answer in the backend's place. */
export const TUNNEL_FAULTS = {
  down: { summary: "530 with error 1033: no connector of the tunnel is connected", parameters: AS },
  "bad-gateway": { summary: "502: the connector cannot reach the backend", parameters: AS },
  timeout: {
    summary: "524: the backend kept silent for too long",
    parameters: { ...AS, ms: "after so many milliseconds, 0 by default; the backend has the request all the while" },
  },
  login: { summary: "302 to a login page, whatever the service token", parameters: {} },
  forbidden: { summary: "403 HTML, whatever the service token", parameters: {} },
  "open-access": { summary: "no service token is asked for", parameters: {} },
  "open-paths": { summary: "the tunnel's allow-list lets every path through", parameters: {} },
  "no-second-list": { summary: "there is no second allow-list behind the tunnel", parameters: {} },
  blocked: { summary: "the tunnel's allow-list lacks these paths", parameters: { paths: "paths joined by +" } },
  buffered: { summary: "a reply is held back until it is whole", parameters: {} },
  deaf: { summary: "the backend is not told of a departed client: its answer is read to the end", parameters: {} },
  cut: {
    summary: "the tunnel breaks inside the reply",
    parameters: { at: "body bytes delivered before it, 0 by default", by: "reset (default) or fin" },
  },
  stall: {
    summary: "the reply stops and the connection stays open until the client leaves",
    parameters: { at: "body bytes delivered before it, 0 by default" },
  },
  slow: { summary: "the request reaches the backend late", parameters: { ms: "how late" } },
} as const satisfies Readonly<Record<string, FaultRow>>;

export type TunnelFaultName = keyof typeof TUNNEL_FAULTS;

/** A fault to apply, with its parameters as written. */
export interface TunnelFault {
  readonly name: TunnelFaultName;
  readonly parameters: Readonly<Record<string, string>>;
}

function check(name: string, parameters: Readonly<Record<string, string>>): TunnelFault | string {
  if (!isFaultName(name)) return `unknown fault "${name}"; there are ${Object.keys(TUNNEL_FAULTS).join(", ")}`;
  const unknown = Object.keys(parameters).find((key) => !Object.hasOwn(TUNNEL_FAULTS[name].parameters, key));
  return unknown === undefined ? { name, parameters } : `fault "${name}" has no parameter "${unknown}"`;
}

function isFaultName(name: string): name is TunnelFaultName {
  return Object.hasOwn(TUNNEL_FAULTS, name);
}

/** Reads `name,key=value,…` or `{"name": …, "key": value}`, as the simulated backends do. A string result says what is wrong with it. */
export function readTunnelFault(given: unknown): TunnelFault | string {
  if (typeof given === "string") {
    const [name = "", ...pairs] = given.split(",");
    const parameters: Record<string, string> = {};
    for (const pair of pairs) {
      const [key = "", ...value] = pair.split("=");
      if (key.trim() === "" || value.length === 0) return `fault "${name}": "${pair}" is not key=value`;
      parameters[key.trim()] = value.join("=").trim();
    }
    return check(name.trim(), parameters);
  }
  if (typeof given !== "object" || given === null || !("name" in given) || typeof given.name !== "string")
    return 'a fault is "name,key=value" or {"name": "…", …}';
  const { name, ...rest } = given;
  return check(name as string, Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, String(value)])));
}

const MARKER = /\[\[tunnel:([^\]]*)\]\] ?/g;

/** The faults that a request's own text asks for, `[[tunnel:name,key=value]]`, and the text without them. Throws on one that cannot be. */
export function takeMarkers(body: Buffer): { readonly body: Buffer; readonly faults: readonly TunnelFault[] } {
  if (!body.includes("[[tunnel:")) return { body, faults: [] };
  const text = body.toString("utf8");
  const faults = [...text.matchAll(MARKER)].map(([, written = ""]) => {
    const fault = readTunnelFault(written);
    if (typeof fault === "string") throw new Error(fault);
    return fault;
  });
  return { body: Buffer.from(text.replace(MARKER, "")), faults };
}
