import type { AnyFormat } from "../test/support/caller.ts";
import { aliasOf } from "./config.ts";
import type { Cell, Column, Fault, Gap, Mode } from "./types.ts";

const FORMATS: readonly AnyFormat[] = ["openai-chat", "anthropic-messages", "openai-responses", "openai-completions"];

/** Format × streamed or not × cache off or on × client stays or leaves. */
export const COLUMNS: readonly Column[] = FORMATS.flatMap((format) =>
  [true, false].flatMap((stream) =>
    (["off", "on"] as const).flatMap((cache) =>
      (["stays", "leaves"] as const).map((client): Column => ({ format, stream, cache, client })),
    ),
  ),
);

/** The backend that speaks the caller's format itself. With the cache on all formats ask `home`, which two of them reach by translation. */
const NATIVE: Readonly<Record<AnyFormat, string>> = {
  "openai-chat": "cloud",
  "anthropic-messages": "claude",
  "openai-responses": "responses",
  "openai-completions": "cloud",
};

/** Backends that stream for callers of JSON too. */
const COLLECTED: ReadonlySet<string> = new Set(["home", "claude"]);

export const nameOf = ({ format, stream, cache, client }: Column): string =>
  `${format}, ${stream ? "streamed" : "JSON"}, cache ${cache}, client ${client}`;

export const operationOf = (format: AnyFormat): "chat" | "complete" =>
  format === "openai-completions" ? "complete" : "chat";

/** A row's field in a column: a cell to run, or why there is none. */
export function cellOf(fault: Fault, column: Column, run: string, number: number): Cell | Gap {
  const first = fault.first ?? (column.cache === "on" ? "home" : NATIVE[column.format]);
  const mode: Mode = column.stream ? "streamed" : COLLECTED.has(first) ? "collected" : "whole";
  const fits = ({ where }: { readonly where: Gap["where"] }) =>
    Object.entries(where).every(([name, value]) => ({ ...column, mode })[name as keyof Gap["where"]] === value);
  const gap = fault.gaps?.find(fits);
  if (gap) return gap;
  const stays = fault.except?.find(fits)?.stays ?? fault.stays[mode];
  const leaves = (column.stream ? undefined : fault.leavesJson) ?? fault.leaves;
  return {
    fault,
    column,
    mode,
    first,
    alias: aliasOf(first, fault.pace ?? "patient", operationOf(column.format)),
    traceId: `${run}${number.toString(16).padStart(32 - run.length, "0")}`,
    expected: column.client === "leaves" ? leaves : stays,
  };
}
