import type { Alarm, KeptAnswers, KeptLookup } from "../../core/ports.ts";
import { keptAnswerKey } from "./keys.ts";
import { type Call, errorWord, type Link } from "./link.ts";

/** Answers that were kept beside their settlement, below the tenant's own prefix: one call each. */
export class UpstashKeptAnswers implements KeptAnswers {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  async find(tenant: string, id: string, alarm?: Alarm): Promise<KeptLookup> {
    const reply = await this.#ask(["GET", keptAnswerKey(tenant, id)], alarm);
    if (reply.kind === "unavailable") return reply;
    return typeof reply.result === "string" ? { kind: "found", value: reply.result } : { kind: "unknown" };
  }

  async remove(
    tenant: string,
    id: string,
  ): Promise<Exclude<KeptLookup, { kind: "found" }> | { readonly kind: "removed" }> {
    const reply = await this.#ask(["DEL", keptAnswerKey(tenant, id)]);
    if (reply.kind === "unavailable") return reply;
    return { kind: reply.result === 1 ? "removed" : "unknown" };
  }

  async #ask(call: Call, alarm?: Alarm) {
    const answer = await this.#link.run([call], alarm);
    if (!answer.ok) return { kind: "unavailable", detail: answer.detail } as const;
    const [reply] = answer.replies;
    if (reply?.error !== undefined) return { kind: "unavailable", detail: errorWord(reply.error) } as const;
    return { kind: "answered", result: reply?.result } as const;
  }
}
