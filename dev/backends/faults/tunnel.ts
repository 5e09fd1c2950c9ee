import { plainScript, type Script } from "../script.ts";
import type { Fault, FaultContext } from "./parameters.ts";

const EDGE_HEADERS = { server: "cloudflare", "cf-ray": "simulated0000000-ZRH", "cache-control": "no-store" };

function page(title: string, heading: string, detail: string): string {
  return `<!DOCTYPE html>
<html lang="en-US"><head><title>${title}</title><meta charset="UTF-8" /><meta name="robots" content="noindex, nofollow" /></head>
<body><div id="cf-wrapper"><div id="cf-error-details"><h1>${heading}</h1><p>${detail}</p>
<p>Ray ID: simulated0000000 (simulated)</p></div></div></body></html>
`;
}

interface EdgeError {
  readonly status: number;
  readonly code: number;
  readonly name: string;
  readonly detail: string;
}

function edgeScript(error: EdgeError, context: FaultContext): Script {
  const as = context.parameters.as ?? "html";
  if (as === "text")
    return plainScript(
      error.status,
      { ...EDGE_HEADERS, "content-type": "text/plain; charset=UTF-8" },
      `error code: ${error.code}`,
    );
  if (as === "json") {
    const body = {
      title: `Error ${error.code}: ${error.name}`,
      status: error.status,
      error_code: error.code,
      detail: error.detail,
      retry_after: 60,
      cloudflare_error: true,
    };
    return plainScript(
      error.status,
      { ...EDGE_HEADERS, "content-type": "application/json", "retry-after": "60" },
      JSON.stringify(body),
    );
  }
  const html = page(
    `simulated-backend.invalid | ${error.code}: ${error.name}`,
    `Error ${error.code} ${error.name}`,
    error.detail,
  );
  return plainScript(error.status, { ...EDGE_HEADERS, "content-type": "text/html; charset=UTF-8" }, html);
}

const AS = { as: "html (default), json or text" };

function edgeFault(summary: string, error: EdgeError): Fault {
  return { summary, parameters: AS, outcome: "refused", apply: (_, context) => edgeScript(error, context) };
}

/** What stands between the gateway and a backend at home answers instead of it: the tunnel's edge, or its Access policy. */
export const TUNNEL_FAULTS: Readonly<Record<string, Fault>> = {
  "tunnel-bad-gateway": edgeFault("502: the tunnel is up, the backend behind it is not", {
    status: 502,
    code: 502,
    name: "Bad gateway",
    detail: "The tunnel's connector could not reach the origin service.",
  }),
  "tunnel-down": edgeFault("530 with error 1033: no connector of the tunnel is connected", {
    status: 530,
    code: 1033,
    name: "Cloudflare Tunnel error",
    detail: "No connector is registered for the tunnel of this host.",
  }),
  "tunnel-timeout": edgeFault("524: the backend kept silent for too long", {
    status: 524,
    code: 524,
    name: "A timeout occurred",
    detail: "The origin accepted the connection and sent no response in time.",
  }),
  "access-login": {
    summary: "302 to a login page: the Access policy does not know the service token",
    parameters: {},
    outcome: "refused",
    apply: () =>
      plainScript(
        302,
        {
          ...EDGE_HEADERS,
          location: "https://simulated-team.cloudflareaccess.invalid/cdn-cgi/access/login/simulated?redirect_url=%2Fv1",
          "content-type": "text/html",
        },
        page("Sign in", "Redirecting to sign in", "Simulated."),
      ),
  },
  "access-forbidden": {
    summary: "403 HTML: the Access policy refuses the service token",
    parameters: {},
    outcome: "refused",
    apply: () =>
      plainScript(
        403,
        { ...EDGE_HEADERS, "content-type": "text/html" },
        page("Error ・ Cloudflare Access", "Forbidden", "Simulated: no permission to view this."),
      ),
  },
};
