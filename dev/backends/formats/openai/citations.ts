import type { Turn } from "../../operation.ts";
import type { Answer } from "../../text/answer.ts";

/** A page that is cited where the marker asks for it; its address leads nowhere. */
export function citedPage(turn: Turn, answer: Answer): Record<string, unknown> | undefined {
  if (turn.directives.citations !== true || answer.text.length === 0 || answer.refused) return undefined;
  const title = "A simulated page";
  return { start_index: 0, end_index: answer.text.join("").length, title, url: "https://example.invalid/page" };
}

/** The annotations of a chat message; null where nothing is cited. */
export function chatAnnotations(turn: Turn, answer: Answer): readonly Record<string, unknown>[] | null {
  const page = citedPage(turn, answer);
  return page === undefined ? null : [{ type: "url_citation", url_citation: page }];
}

/** The annotations of a text part of Responses. */
export function textAnnotations(turn: Turn, answer: Answer): readonly Record<string, unknown>[] {
  const page = citedPage(turn, answer);
  return page === undefined ? [] : [{ type: "url_citation", ...page }];
}
