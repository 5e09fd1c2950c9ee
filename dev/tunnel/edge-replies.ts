/** What stands between the gateway and a backend at home answers in its own name: Cloudflare's edge, or the Access policy on it. */
export interface EdgeReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How an edge error is told: its page, JSON with `retry_after`, or one line of text. */
export type EdgeForm = "html" | "json" | "text";

export const EDGE_FORMS: readonly EdgeForm[] = ["html", "json", "text"];

const EDGE_HEADERS = { server: "cloudflare", "cf-ray": "simulated0000000-ZRH", "cache-control": "no-store" };

interface EdgeError {
  readonly status: number;
  readonly code: number;
  readonly name: string;
  readonly detail: string;
}

export const EDGE_ERRORS = {
  badGateway: {
    status: 502,
    code: 502,
    name: "Bad gateway",
    detail: "The tunnel's connector could not reach the origin service.",
  },
  tunnelDown: {
    status: 530,
    code: 1033,
    name: "Cloudflare Tunnel error",
    detail: "No connector is registered for the tunnel of this host.",
  },
  timeout: {
    status: 524,
    code: 524,
    name: "A timeout occurred",
    detail: "The origin accepted the connection and sent no response in time.",
  },
} as const satisfies Readonly<Record<string, EdgeError>>;

function page(title: string, heading: string, detail: string): string {
  return `<!DOCTYPE html>
<html lang="en-US"><head><title>${title}</title><meta charset="UTF-8" /><meta name="robots" content="noindex, nofollow" /></head>
<body><div id="cf-wrapper"><div id="cf-error-details"><h1>${heading}</h1><p>${detail}</p>
<p>Ray ID: simulated0000000 (simulated)</p></div></div></body></html>
`;
}

export function edgeErrorReply(error: EdgeError, form: EdgeForm): EdgeReply {
  const { status, code, name, detail } = error;
  if (form === "text") {
    return {
      status,
      headers: { ...EDGE_HEADERS, "content-type": "text/plain; charset=UTF-8" },
      body: `error code: ${code}`,
    };
  }
  if (form === "json") {
    const body = {
      title: `Error ${code}: ${name}`,
      status,
      error_code: code,
      detail,
      retry_after: 60,
      cloudflare_error: true,
    };
    return {
      status,
      headers: { ...EDGE_HEADERS, "content-type": "application/json", "retry-after": "60" },
      body: JSON.stringify(body),
    };
  }
  return {
    status,
    headers: { ...EDGE_HEADERS, "content-type": "text/html; charset=UTF-8" },
    body: page(`simulated-backend.invalid | ${code}: ${name}`, `Error ${code} ${name}`, detail),
  };
}

/** A load balancer that has no healthy server behind it, as nginx (a page), Envoy (a line) and others (nothing) say it. */
export function noUpstreamReply(form = "html"): EdgeReply {
  if (form === "empty") return { status: 503, headers: {}, body: "" };
  if (form === "text") {
    return { status: 503, headers: { server: "envoy", "content-type": "text/plain" }, body: "no healthy upstream" };
  }
  const title = "503 Service Temporarily Unavailable";
  return {
    status: 503,
    headers: { server: "nginx", "content-type": "text/html" },
    body: `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`,
  };
}

/** The Access policy knows no such service token, and thinks of a person. */
export function accessLoginReply(): EdgeReply {
  return {
    status: 302,
    headers: {
      ...EDGE_HEADERS,
      location: "https://simulated-team.cloudflareaccess.invalid/cdn-cgi/access/login/simulated?redirect_url=%2Fv1",
      "content-type": "text/html",
    },
    body: page("Sign in", "Redirecting to sign in", "Simulated."),
  };
}

/** The Access policy refuses. */
export function accessForbiddenReply(): EdgeReply {
  return {
    status: 403,
    headers: { ...EDGE_HEADERS, "content-type": "text/html" },
    body: page("Error ・ Cloudflare Access", "Forbidden", "Simulated: no permission to view this."),
  };
}

/** cloudflared's `http_status:404`: nothing but the status. */
export function notInListReply(): EdgeReply {
  return { status: 404, headers: EDGE_HEADERS, body: "" };
}
