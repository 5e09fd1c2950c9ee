import type { Body } from "../../core/draft.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import type { KeptConversations } from "../../core/wire.ts";
import { patchBody } from "../../lib/json.ts";
import { isList } from "../read.ts";

/** Conversations as input items: what a caller who keeps them by itself would send. */
export const kept: KeptConversations = {
  itemsOf,
  itemsOfAnswer: ({ output }) => (isList(output) ? output.filter(countsLater) : []),
  spelledOut: (body, earlier) =>
    patchBody(body, [
      { key: "previous_response_id", json: undefined },
      { key: "input", json: JSON.stringify([...earlier, ...itemsOf(body)]) },
    ]),
};

function itemsOf({ value: { input } }: Body): readonly Json[] {
  if (typeof input === "string") return [{ type: "message", role: "user", content: input } satisfies JsonObject];
  return isList(input) ? input : [];
}

/** Thoughts that their provider cannot read again it would look for under their ids, and find nothing: it keeps none. */
function countsLater(item: Json): boolean {
  return !isJsonObject(item) || item.type !== "reasoning" || typeof item.encrypted_content === "string";
}
