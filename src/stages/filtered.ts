import { isText } from "../core/answer.ts";
import { choicesOf } from "../core/draft.ts";
import type { Admitted, LiveAnswer, WholeAnswer } from "../core/exchange.ts";
import { ok, type Result } from "../core/result.ts";
import { collected } from "./collected.ts";
import { isFiltered } from "./meter.ts";

/** Behind the filter's finish the stream may take this long to end by itself; usage comes there. */
const CLOSING_MS = 250;

/** Whether a content filter ended the answer before its first word. */
export function isFilteredAnswer({ draft }: Admitted, live: LiveAnswer): boolean {
  if (choicesOf(draft) !== 1) return false;
  if (live.kind === "stream") return live.filtered === true;
  const [choice] = isText(live.answer) ? live.answer.choices : [];
  return choice !== undefined && choice.blocks.length === 0 && isFiltered(choice.finish);
}

/** The filtered answer as it can be kept while others are asked: it holds no connection and no seat any more, and is booked. */
export async function letGo(exchange: Admitted, live: LiveAnswer): Promise<Result<WholeAnswer>> {
  if (live.kind === "whole") return ok(live);
  const enough = exchange.alarm.after(CLOSING_MS, () => live.cancel());
  return collected(exchange, live).finally(enough);
}
