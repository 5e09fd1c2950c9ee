import type { ServerResponse } from "node:http";
import { EDGE_FORMS, type EdgeForm, type EdgeReply } from "./edge-replies.ts";
import type { TunnelFault } from "./faults.ts";

/** Answers with a reply of the edge's own. */
export function answer(response: ServerResponse, { status, headers, body }: EdgeReply): void {
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

/** The form in which a fault's edge error is told. */
export function formOf(fault: TunnelFault | undefined): EdgeForm {
  return EDGE_FORMS.find((form) => form === fault?.parameters.as) ?? "html";
}
