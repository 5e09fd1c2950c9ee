import { compileConfig } from "../../../src/config/compile.ts";
import { resolve } from "../../../src/config/resolve.ts";
import type { Gateway } from "../../../src/stages/gateway.ts";
import { aiBindingOf, workersAiTransport } from "../../../src/transports/workers-ai.ts";
import { begin, type PlayedRequest } from "../../support/pipeline.ts";

/**
 * The real pipeline, wires and transport in a Worker whose `AI` is workerd's own binding (`cloudflare-internal:ai-api`, as on the platform)
 * over a stand-in of the service behind it. A POST holds the request to play.
 */
const compiled = compileConfig(
  `
backends:
  cf: {preset: workers-ai, price: {inputPerMillion: 1, outputPerMillion: 1}}
routes:
  openai-chat: {targets: [{backend: cf, model: "@cf/stand-in"}]}
  embed: {operation: embed, targets: [{backend: cf, model: "@cf/vectors"}]}
  rank: {operation: rerank, targets: [{backend: cf, model: "@cf/ranks"}]}
  busy: {targets: [{backend: cf, model: "@cf/busy"}]}
  slow: {targets: [{backend: cf, model: "@cf/slow"}]}
  cut: {targets: [{backend: cf, model: "@cf/cut"}]}
tiers:
  open: {}
defaultTier: open
`,
  "workers-ai.yaml",
);
if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
const { config } = resolve(compiled.config, undefined);

export default {
  async fetch(request: Request, env: Readonly<Record<string, unknown>>): Promise<Response> {
    const binding = aiBindingOf(env);
    if (!binding) return new Response("no binding", { status: 500 });
    const asked = (await request.json()) as PlayedRequest;
    const more: Partial<Gateway> = {
      config: () => config,
      availableBackends: new Set(["cf"]),
      transport: workersAiTransport(binding),
    };
    const playing = begin(asked, () => new Response(), more);
    const { status, headers, body } = await playing.reply;
    const text = await new Response(body).text();
    await playing.settled();
    return Response.json({ status, headers, body: text, event: playing.settlements[0]?.event });
  },
};
