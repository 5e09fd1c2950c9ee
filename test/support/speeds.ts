import type { AdmissionRequest, AdmissionStore, Settlement } from "../../src/core/ports.ts";
import type { WideEvent } from "../../src/core/wide-event.ts";
import { speedometer } from "../../src/stores/isolate/speeds.ts";
import { answers, configOf } from "./chain.ts";
import { begin, NOW, type PlayedRequest } from "./pipeline.ts";

/** Two targets: `a` is dear and slow to its first token, `b` cheap; `plain` asks them by weight. */
export const config = configOf(`
  fastest: &two
    targets:
      - {name: slow, backend: a, model: small}
      - {name: quick, backend: b, model: small}
    cache: {mode: "on"}
    choose: {by: speed, experiment: race}
  cheapest:
    targets:
      - {name: quick, backend: b, model: small, price: {inputPerMillion: 1, outputPerMillion: 2}}
      - {name: dear, backend: c, model: small, price: {inputPerMillion: 9, outputPerMillion: 9}}
    choose: {by: price, firstTokenMs: 200}
  plain:
    targets: [{backend: a, model: small}, {backend: d, model: small}]
    rules: [{name: quickly, when: {task: [quick]}, choose: {by: speed}}]
  unmeasured:
    targets: [{backend: c, model: large}]
    choose: {by: price}
`);

const TTFT_MS: Readonly<Record<string, number>> = { a: 60, b: 5, c: 5, d: 5 };

/** One isolate: what it knows of speeds, over the given store. */
export class SpeedIsolate {
  readonly requests: AdmissionRequest[] = [];
  readonly settlements: Settlement[] = [];
  readonly speeds;
  readonly #store: AdmissionStore;
  readonly #startedAt = Date.now();
  readonly #now;

  constructor(store: AdmissionStore) {
    this.#store = store;
    this.#now = () => NOW + Date.now() - this.#startedAt;
    this.speeds = speedometer({ now: this.#now });
  }

  async ask(alias: string, more: Partial<PlayedRequest> & { readonly slowMs?: number } = {}) {
    let event: WideEvent | undefined;
    const { slowMs, ...request } = more;
    const playing = begin(
      { caller: "openai-chat", backend: "openai-chat", alias, stream: true, ...request },
      () => Response.error(),
      {
        config: () => config,
        clock: { now: this.#now },
        speeds: this.speeds,
        availableBackends: new Set(["a", "b", "c", "d"]),
        transport: {
          send: ({ backend: { name } }, signal) => answers(name, slowMs ?? TTFT_MS[name] ?? 0)(signal, 1),
        },
        admission: {
          admit: (request) => {
            this.requests.push(request);
            return this.#store.admit(request);
          },
          settle: (settlement) => {
            this.settlements.push(settlement);
            event = settlement.event;
            return this.#store.settle(settlement);
          },
        },
      },
    );
    const { body, headers, status } = await playing.reply;
    const text = typeof body === "string" ? body : await new Response(body).text();
    await playing.settled();
    if (!event) throw new Error(`nothing was settled: ${status} ${text}`);
    const route = event.decisions
      .filter(({ step }) => step === "route")
      .map(({ decision, reason }) => `${decision} ${reason}`);
    return { text, headers, event, route, backend: event.backend };
  }
}
