/** What a backend, or what stands before it, can do. Over 300 lines would be too long a table: tunnels and overload have files of their own. */
import type { Fault } from "../types.ts";
import {
  ANSWER,
  always,
  FALLBACK,
  failed,
  LEFT,
  midStream,
  NO_FRAMES,
  NO_SENTINEL,
  NO_TOOLS,
  refused,
  told,
} from "./sights.ts";

type Row = Omit<Fault, "group" | "leaves"> & Partial<Pick<Fault, "leaves">>;

const ROWS: readonly Row[] = [
  { id: "none", title: "nothing is wrong", stays: always(ANSWER), again: "as said" },

  // Before a byte of an answer.
  { id: "dead", title: "nobody listens", first: "dead", stays: always(FALLBACK), again: "as said" },
  { id: "dns", title: "no such host", first: "dns", stays: always(FALLBACK), again: "as said" },
  { id: "tls", title: "no TLS where https is asked for", first: "tls", stays: always(FALLBACK), again: "as said" },
  { id: "refuse", title: "resets before a byte", backend: "refuse", stays: always(FALLBACK), again: "as said" },
  { id: "refuse-fin", title: "closes before a byte", backend: "refuse,by=fin", stays: always(FALLBACK) },
  {
    id: "refuse-all",
    title: "resets before a byte, everywhere",
    backend: "refuse",
    where: "everywhere",
    stays: always(failed("backend_unavailable")),
    again: "as said",
  },
  {
    id: "slow-headers",
    title: "headers too late",
    backend: "slow-headers,ms=20000",
    pace: "hasty",
    stays: always(FALLBACK),
  },
  { id: "silent", title: "never answers", backend: "never-answers", pace: "hasty", stays: always(FALLBACK) },
  {
    id: "slow",
    title: "headers late, within the deadline",
    backend: "slow-headers,ms=700",
    stays: always(ANSWER),
    again: "as said",
  },
  {
    id: "stall-start",
    title: "headers, then silence",
    backend: "stall-mid-stream,at=0",
    pace: "hasty",
    stays: always(FALLBACK),
  },
  { id: "empty", title: "200 and nothing", backend: "empty-200", stays: always(FALLBACK), again: "as said" },
  {
    id: "empty-all",
    title: "200 and nothing, everywhere",
    backend: "empty-200",
    where: "everywhere",
    stays: always(failed("backend_cut")),
  },
  { id: "error-200", title: "200 with an error as body", backend: "error-body-200", stays: always(FALLBACK) },
  { id: "type", title: "wrong content-type (HTML)", backend: "wrong-content-type", stays: always(FALLBACK) },
  {
    id: "type-text",
    title: "wrong content-type (text)",
    backend: "wrong-content-type,type=text/plain",
    stays: always(FALLBACK),
  },
  { id: "cut-start", title: "cut before the first token", backend: "truncate,at=0,by=fin", stays: always(FALLBACK) },
  { id: "error-start", title: "error frame first", backend: "error-frame,after=0", stays: always(FALLBACK) },
  {
    id: "malformed-start",
    title: "malformed frame first",
    backend: "malformed-frame,after=0",
    stays: always(FALLBACK),
  },

  // After the first token.
  {
    id: "stall",
    title: "stalls in the middle",
    backend: "stall-mid-stream,after={after}",
    pace: "hasty",
    stays: midStream("backend_timeout"),
    again: "as said",
  },
  {
    id: "cut-fin",
    title: "cut in the middle (FIN)",
    backend: "truncate,after={after},by=fin",
    stays: midStream("backend_cut"),
    again: "as said",
  },
  {
    id: "cut-reset",
    title: "cut in the middle (RST)",
    backend: "truncate,after={after},by=reset,linger-ms=60",
    stays: midStream("backend_cut"),
  },
  {
    id: "cut-clean",
    title: "cut in the middle, a proper end",
    backend: "truncate,after={after},by=clean",
    stays: { ...midStream("backend_cut"), whole: [FALLBACK] },
    again: "as said",
  },
  {
    id: "error-frame",
    title: "error frame in the middle",
    backend: "error-frame,after={after},message=secret-token-sk-abcdefghijklmnop",
    stays: midStream("backend_stream_error"),
    again: "as said",
  },
  {
    id: "page",
    title: "the tunnel's page in the middle",
    backend: "page-in-stream,after={after}",
    stays: midStream("backend_cut"),
    again: "as said",
    gaps: [NO_FRAMES],
  },
  {
    id: "page-start",
    title: "the tunnel's page in the place of frames",
    backend: "page-in-stream,after=0",
    stays: always(FALLBACK),
    gaps: [NO_FRAMES],
  },
  {
    id: "no-finish",
    title: "[DONE] without a finish",
    backend: "no-finish",
    stays: midStream("backend_cut"),
    again: "as said",
  },
  {
    id: "malformed",
    title: "malformed frame (half a JSON)",
    backend: "malformed-frame,after={after}",
    stays: midStream("backend_protocol"),
  },
  {
    id: "malformed-utf8",
    title: "malformed frame (no UTF-8)",
    backend: "malformed-frame,kind=utf8,after={after}",
    // A frame without a choice, whose unknown field is no UTF-8: OpenAI's formats say nothing by it, and it passes as it came.
    stays: { streamed: [ANSWER], collected: [ANSWER], whole: [FALLBACK] },
    except: [
      { where: { format: "anthropic-messages", cache: "off", stream: true }, stays: [told("backend_protocol")] },
      { where: { format: "anthropic-messages", cache: "off", stream: false }, stays: [failed("backend_protocol")] },
      { where: { format: "openai-responses", cache: "off", stream: true }, stays: [told("backend_protocol")] },
    ],
  },
  {
    id: "malformed-text",
    title: "malformed frame (no JSON)",
    backend: "malformed-frame,kind=text,after={after}",
    stays: midStream("backend_protocol"),
  },
  {
    id: "giant",
    title: "a frame of 8 MiB",
    backend: "giant-frame,after={after}",
    stays: { ...midStream("backend_protocol"), whole: [{ sees: "answer", uncached: true }] },
  },

  // What changes nothing.
  {
    id: "split",
    title: "split at every seventh byte",
    backend: "split,every=7",
    stays: always(ANSWER),
    again: "as said",
  },
  { id: "gzip", title: "compressed though not asked", backend: "gzip", stays: always(ANSWER), again: "as said" },
  {
    id: "large",
    title: "a frame of 60 kB",
    backend: "giant-frame,bytes=60000",
    stays: always(ANSWER),
    again: "as said",
  },
  {
    id: "no-done",
    title: "no [DONE]",
    backend: "no-done",
    stays: always(ANSWER),
    again: "as said",
    gaps: [NO_SENTINEL],
  },
  {
    id: "two-done",
    title: "[DONE] twice",
    backend: "duplicate-done",
    stays: always(ANSWER),
    again: "as said",
    gaps: [NO_SENTINEL],
  },
  {
    id: "late",
    title: "data behind [DONE]",
    backend: "data-after-done",
    stays: always(ANSWER),
    again: "as said",
    gaps: [NO_SENTINEL],
  },
  {
    id: "no-usage",
    title: "no usage",
    backend: "no-usage",
    stays: always({ sees: "answer", estimated: true }),
    again: "as said",
  },
  {
    id: "zero-usage",
    title: "usage of zero",
    backend: "zero-usage",
    stays: always({ sees: "answer", unbilled: true }),
    again: "as said",
  },
  {
    id: "fragments",
    title: "tool call in fragments",
    backend: "tool-call-fragments,every=3",
    changesText: true,
    pacing: "[[sim:tps=15]]",
    stays: always(ANSWER),
    gaps: [NO_TOOLS],
  },
  ...["crlf", "cr", "bom", "comments", "no-space", "page", "fields"].map(
    (style): Row => ({
      id: `dialect-${style}`,
      title: `event-stream dialect: ${style}`,
      backend: `sse-dialect,style=${style}`,
      stays: always(ANSWER),
      gaps: [NO_FRAMES],
    }),
  ),

  // What another backend cannot mend.
  {
    id: "too-long",
    title: "400: the context is too long",
    backend: "context-length",
    where: "everywhere",
    stays: always(refused(400, "backend_rejected")),
    again: "as said",
  },
];

export const BACKEND_FAULTS: readonly Fault[] = ROWS.map((row) => ({
  ...row,
  group: "backend",
  leaves: row.leaves ?? [LEFT],
}));
