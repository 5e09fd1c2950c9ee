import base from "../../../src/config/base.generated.json";
import { type EnvironmentProblem, readBackend } from "../../../src/config/environment.ts";
import type { BaseConfig } from "../../../src/core/config.ts";
import { Link } from "../../../src/stores/upstash/link.ts";
import { writeLoad } from "../../../src/stores/upstash/loads.ts";
import { doorOf } from "../../../src/transports/fetch.ts";
import type { Desk } from "./desk.ts";
import { type Get, Watch } from "./watch.ts";

const ASK_MS = 2_000;
/** vLLM prints its gauges first; the histograms behind them are long. */
const MOST_BYTES = 64 * 1024;
/** Nobody waits for it. */
const TIMEOUTS = { timeoutMs: 3_000, connectMs: 2_000 };

const { backends } = base as unknown as Pick<BaseConfig, "backends">;

/** Backends that the configuration says are to be asked how they are. */
export const watched: readonly string[] = Object.values(backends)
  .filter(({ health }) => health !== undefined)
  .map(({ name }) => name);

/** Undefined where the backend is not to be asked, or the environment does not say how. */
export function watchOf(name: string, env: object, desk: Desk): Watch | undefined {
  const backend = Object.hasOwn(backends, name) ? backends[name] : undefined;
  if (!backend?.health) return undefined;
  const { health, seats } = backend;
  const variables = new Map(
    Object.entries(env).flatMap(([key, value]): [string, string][] =>
      typeof value === "string" && value.trim() !== "" ? [[key, value.trim()]] : [],
    ),
  );
  const problems: EnvironmentProblem[] = [];
  const { access, missing } = readBackend(backend, variables, problems);
  const [url, token] = [variables.get("UPSTASH_REDIS_REST_URL"), variables.get("UPSTASH_REDIS_REST_TOKEN")];
  if (!access || problems.length > 0 || url === undefined || token === undefined) {
    const lacking = [
      ...missing,
      ...problems.map((problem) => problem.name),
      ...(url === undefined ? ["UPSTASH_REDIS_REST_URL"] : []),
      ...(token === undefined ? ["UPSTASH_REDIS_REST_TOKEN"] : []),
    ];
    console.warn(`the backend ${name} is not asked how it is; wrong or missing: ${lacking.join(", ")}`);
    return undefined;
  }
  const link = new Link({ url, token, ...TIMEOUTS });
  return new Watch({
    rules: health,
    get: getter(doorOf(access)),
    tell: (load) => {
      if (health.limitSeats !== false) desk.learn(load, health.maxKvCache);
      const standing = desk.standing();
      return writeLoad(link, name, load, seats && standing.count > 0 ? standing : undefined);
    },
    now: () => Date.now(),
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
}

/** The gateway's own way to the backend: its host, its credential and headers, no redirects. */
function getter({ rootUrl, jsonHeaders }: ReturnType<typeof doorOf>): Get {
  return async (path) => {
    try {
      const response = await fetch(rootUrl + path, {
        headers: { ...jsonHeaders, accept: "*/*" },
        redirect: "manual",
        signal: AbortSignal.timeout(ASK_MS),
      });
      return { status: response.status, text: await firstOf(response) };
    } catch {
      return undefined;
    }
  };
}

/** Its beginning; the rest is not waited for. */
async function firstOf({ body }: Response): Promise<string> {
  if (!body) return "";
  const decoder = new TextDecoder();
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
  let text = "";
  for (let bytes = 0; bytes < MOST_BYTES; ) {
    const { done, value } = await reader.read();
    if (done) return text;
    bytes += value.byteLength;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text;
}
