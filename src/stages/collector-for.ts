import { choicesOf, type Draft } from "../core/draft.ts";
import { type Collector, collector } from "../wire/collect.ts";

/** Gathers the stream that answers this draft: complete once each of its choices has finished. */
export function collectorFor(draft: Draft): Collector {
  return collector(choicesOf(draft), draft.operation === "complete" ? "complete" : "chat");
}
