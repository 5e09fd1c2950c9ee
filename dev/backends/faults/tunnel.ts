import {
  accessForbiddenReply,
  accessLoginReply,
  EDGE_ERRORS,
  EDGE_FORMS,
  type EdgeReply,
  edgeErrorReply,
  noUpstreamReply,
} from "../../tunnel/edge-replies.ts";
import { plainScript, type Script } from "../script.ts";
import type { Fault } from "./parameters.ts";

function scriptOf({ status, headers, body }: EdgeReply): Script {
  return plainScript(status, headers, body);
}

function edgeFault(summary: string, error: (typeof EDGE_ERRORS)[keyof typeof EDGE_ERRORS]): Fault {
  return {
    summary,
    parameters: { as: "html (default), json or text" },
    outcome: "refused",
    apply: (_, { parameters }) =>
      scriptOf(edgeErrorReply(error, EDGE_FORMS.find((form) => form === parameters.as) ?? "html")),
  };
}

/**
 * What stands between the gateway and a backend at home answers instead of it: the tunnel's edge, or its Access policy. For a tunnel that is there
 * while nothing is wrong, see dev/tunnel.
 */
export const TUNNEL_FAULTS: Readonly<Record<string, Fault>> = {
  "tunnel-bad-gateway": edgeFault("502: the tunnel is up, the backend behind it is not", EDGE_ERRORS.badGateway),
  "tunnel-down": edgeFault("530 with error 1033: no connector of the tunnel is connected", EDGE_ERRORS.tunnelDown),
  "tunnel-timeout": edgeFault("524: the backend kept silent for too long", EDGE_ERRORS.timeout),
  "no-upstream": {
    summary: "503 of a load balancer that has no healthy server behind it",
    parameters: { as: "html (default), text or empty" },
    outcome: "refused",
    apply: (_, { parameters }) => scriptOf(noUpstreamReply(parameters.as)),
  },
  "access-login": {
    summary: "302 to a login page: the Access policy does not know the service token",
    parameters: {},
    outcome: "refused",
    apply: () => scriptOf(accessLoginReply()),
  },
  "access-forbidden": {
    summary: "403 HTML: the Access policy refuses the service token",
    parameters: {},
    outcome: "refused",
    apply: () => scriptOf(accessForbiddenReply()),
  },
};
