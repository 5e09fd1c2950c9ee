import type { Reply } from "./door.ts";

/**
 * Whose reply it is. vLLM's are JSON from FastAPI (`detail`, `error`) or name it in `server`; those of the way there are HTML, empty, or Cloudflare's own
 * JSON.
 */
export type Speaker = "vllm" | "access" | "tunnel" | "nobody";

export function speakerOf(reply: Reply): Speaker {
  const { status, type, body } = reply;
  if (status === 0) return "nobody";
  if (status >= 200 && status < 300) return "vllm";
  if (status >= 300 && status < 400) return "access";
  if (isEdgeError(reply)) return "tunnel";
  if (/^application\/json/i.test(type) && /"(?:detail|error)"/.test(body)) return "vllm";
  return status === 401 || status === 403 ? "access" : "tunnel";
}

function isEdgeError({ status, body }: Reply): boolean {
  return (status >= 520 && status <= 530) || /"cloudflare_error"\s*:\s*true/.test(body);
}

/** What is wrong with the way to vLLM, in one line for whoever has to mend it. */
export function diagnose(reply: Reply): string {
  const { status, type, body, location } = reply;
  if (status === 0) return `no connection (${body}): check the address, its DNS record and the network`;
  if (status === 530 || (isEdgeError(reply) && body.includes("1033")))
    return `tunnel down: ${status}${body.includes("1033") ? " with error 1033" : ""}, no cloudflared is connected; start it (systemctl status cloudflared)`;
  if (status === 524) return "524: vLLM was silent for about 100 s; look at its log and its queue";
  if (status === 502 && !/json/i.test(type))
    return "502 from cloudflared: it runs, and what it should reach does not answer; start vLLM, or compare the port in config.yml";
  if (isEdgeError(reply)) return `${status} from Cloudflare's edge; see its error page in a browser`;
  if (status >= 300 && status < 400)
    return `${status} to ${hostOf(location)}: Access does not know the service token; check CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET, and that the policy's action is Service Auth`;
  if ((status === 401 || status === 403) && speakerOf(reply) === "access")
    return `${status}: Access refuses the service token; check that the policy includes it and that it has not expired`;
  if (status === 404 && speakerOf(reply) === "tunnel")
    return "404 that is not vLLM's: the path is not in an allow-list; compare tunnels/config.yml and tunnels/Caddyfile with what runs";
  return `${status} ${type || "without a type"}: ${body.replace(/\s+/g, " ").slice(0, 120)}`;
}

function hostOf(location: string): string {
  try {
    return new URL(location).host;
  } catch {
    return "somewhere";
  }
}
