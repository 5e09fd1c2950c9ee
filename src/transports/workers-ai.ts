import type { Transport } from "../core/ports.ts";
import { fail, ok } from "../core/result.ts";
import { unreachable } from "./unreachable.ts";

/** What is used of the binding; `Ai` in @cloudflare/workers-types. */
export interface AiBinding {
  run(
    model: string,
    inputs: object,
    options: { readonly returnRawResponse: true; readonly signal: AbortSignal },
  ): Promise<Response>;
}

/**
 * Cloudflare's Workers AI through its binding: no host, no key. A wire's path is the model, its body the inputs. The raw response is asked for,
 * so that statuses, streams and errors are read by the wire as those of any backend.
 */
export function workersAiTransport(binding: AiBinding): Transport {
  return {
    async send({ request }, signal) {
      try {
        const inputs = JSON.parse(request.body) as object;
        return ok(await binding.run(request.path.slice(1), inputs, { returnRawResponse: true, signal }));
      } catch {
        return fail(unreachable(signal.aborted ? "aborted" : "binding"));
      }
    },
  };
}

/** Undefined where the environment has no such binding. */
export function aiBindingOf(env: Readonly<Record<string, unknown>>): AiBinding | undefined {
  const { AI } = env;
  return isBinding(AI) ? AI : undefined;
}

function isBinding(value: unknown): value is AiBinding {
  return typeof value === "object" && value !== null && "run" in value && typeof value.run === "function";
}
