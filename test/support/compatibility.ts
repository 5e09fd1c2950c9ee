import { isDeepStrictEqual } from "node:util";
import type { ChatAnswer } from "../../src/core/answer.ts";
import type { ChatDraft } from "../../src/core/draft.ts";
import type { Json, JsonObject } from "../../src/core/json.ts";
import type { Quirk, Translation, WireName } from "../../src/core/wire.ts";
import { parseBody } from "../../src/lib/json.ts";
import { collector, replay } from "../../src/wire/collect.ts";
import { AnswerLosses } from "../../src/wire/losses.ts";
import { wires } from "../../src/wire/registry.ts";
import {
  ANSWER_FEATURES,
  type AnswerFeature,
  LEAST,
  REQUEST_FEATURES,
  type RequestFeature,
} from "../contract/wire/features.ts";

/** What becomes of each feature between each format of a caller and each kind of backend: asked of the wires themselves. */

export type Verdict = "carried" | "mapped" | "dropped" | "refused";

export interface Asked {
  readonly verdict: Verdict;
  /** What the wires said of it. */
  readonly notes: readonly Translation[];
}

export interface BackendKind {
  readonly name: string;
  readonly wire: WireName;
  readonly quirks: readonly Quirk[];
}

export const CLIENTS: readonly { readonly name: string; readonly wire: WireName }[] = [
  { name: "OpenAI Chat Completions", wire: "openai-chat" },
  { name: "Anthropic Messages", wire: "anthropic-messages" },
];

export const BACKENDS: readonly BackendKind[] = [
  { name: "OpenAI", wire: "openai-chat", quirks: [] },
  { name: "vLLM", wire: "openai-chat", quirks: ["vllm"] },
  { name: "Anthropic", wire: "anthropic-messages", quirks: [] },
];

function bodyOf(text: string) {
  const parsed = parseBody(new TextEncoder().encode(text));
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.body;
}

function draftOf(wire: WireName, text: string): ChatDraft {
  const draft = wires[wire].decodeRequest(bodyOf(text));
  if (!draft.ok || draft.value.operation !== "chat") throw new Error(`${wire} does not read ${text}`);
  return draft.value;
}

function compared(before: unknown, after: unknown): Verdict {
  if (isDeepStrictEqual(before, after)) return "carried";
  return after === undefined || (Array.isArray(after) && after.length === 0) ? "dropped" : "mapped";
}

/** Undefined where the caller's format has no such thing. */
export function askRequest(feature: RequestFeature, client: WireName, backend: BackendKind): Asked | undefined {
  const sample = feature.sample[client];
  if (!sample) return undefined;
  const body = bodyOf(JSON.stringify({ ...LEAST[client], ...sample }));
  const draft = draftOf(client, body.text);
  const request = wires[backend.wire].encodeRequest({
    draft,
    body,
    clientWire: client,
    model: "chat",
    stream: false,
    maxOutputTokens: draft.maxOutputTokens ?? 65_536,
    quirks: new Set(backend.quirks),
  });
  if (!request.ok) return { verdict: "refused", notes: [{ field: request.failure.param ?? "", what: "refused" }] };
  const { body: text, translations } = request.value;
  if (client !== backend.wire) {
    return { verdict: compared(feature.pick(draft), feature.pick(draftOf(backend.wire, text))), notes: translations };
  }
  const sent = JSON.parse(text) as JsonObject;
  const isKept = Object.keys(sample).every((field) => isDeepStrictEqual(sent[field], sample[field]));
  return { verdict: isKept ? "carried" : "dropped", notes: translations };
}

const CONTEXT = { id: "c", model: "m", createdAt: 1, includeUsage: true };

function answerOf(wire: WireName, json: Json): ChatAnswer {
  const answer = wires[wire].decodeAnswer(json);
  if (!answer.ok || answer.value.operation !== "chat") throw new Error(`${wire} does not read ${JSON.stringify(json)}`);
  return answer.value;
}

/** The answer as the caller reads it, whole and from a stream. */
function toldTo(client: WireName, answer: ChatAnswer): readonly ChatAnswer[] {
  const whole = answerOf(client, JSON.parse(JSON.stringify(wires[client].encodeAnswer(answer, CONTEXT))) as Json);
  const writer = wires[client].encodeStream(CONTEXT);
  const text = replay(answer).map((event) => writer.write(event));
  const sink = collector();
  for (const frame of wires[client].decodeStream().push(new TextEncoder().encode(text.join("") + writer.end()))) {
    for (const event of frame.events()) sink.push(event);
  }
  const streamed = sink.result();
  if (!streamed.ok) throw new Error(streamed.failure.detail);
  return [whole, streamed.value];
}

/** Undefined where the backend's format has no such thing. Throws where a stream and a whole answer differ. */
export function askAnswer(feature: AnswerFeature, client: WireName, backend: WireName): Asked | undefined {
  const sample = feature.sample[backend];
  if (!sample) return undefined;
  const answer = answerOf(backend, sample);
  const before = feature.pick(answer);
  const [whole, streamed] = toldTo(client, answer).map((told) => compared(before, feature.pick(told)));
  if (whole === undefined || whole !== streamed) {
    throw new Error(`${feature.name} from ${backend} to ${client}: ${whole} in JSON, ${streamed} in a stream`);
  }
  const notes: Translation[] = [];
  const losses = new AnswerLosses(client, notes);
  for (const event of replay(answer)) losses.see(event);
  return { verdict: whole, notes };
}

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

function requestTable({ wire }: (typeof CLIENTS)[number]): string {
  const rows = REQUEST_FEATURES.filter(({ sample }) => sample[wire]).map((feature) => {
    const asked = BACKENDS.map((backend) => askRequest(feature, wire, backend)?.verdict ?? "");
    const isPlain = asked.every((verdict) => verdict === "carried");
    return [feature.name, ...asked, isPlain ? "" : (feature.rule ?? "")];
  });
  return table(["feature", ...BACKENDS.map(({ name }) => name), "rule"], rows);
}

function answerTable(backend: WireName): string {
  const rows = ANSWER_FEATURES.filter(({ sample }) => sample[backend]).map((feature) => {
    const asked = CLIENTS.map(({ wire }) => askAnswer(feature, wire, backend)?.verdict ?? "");
    return [feature.name, ...asked, asked.every((verdict) => verdict === "carried") ? "" : (feature.rule ?? "")];
  });
  return table(["feature", ...CLIENTS.map(({ name }) => `to ${name}`), "rule"], rows);
}

/** docs/compatibility.md. */
export function compatibilityDocument(): string {
  const parts = [
    "# What becomes of each feature",
    `Written by \`npm run compatibility\`, which asks the wire formats themselves with the samples of
[test/contract/wire/features.ts](../test/contract/wire/features.ts); a test fails where this page and the formats differ. How it is to be read:

- **carried**: arrives as it was said. Between equal formats the request is the caller's own text and the answer the backend's own bytes.
- **mapped**: arrives in other words.
- **dropped**: does not arrive; the answer is still an answer to what was asked.
- **refused**: a 400 that names the field. Where the route has another backend that can say it, that one is asked instead.

Whatever is mapped, dropped or refused is named in the request's record (\`translations\`) and, with \`x-gateway-debug: translation\`, in the reply header
\`x-gateway-translation\`; of an answer by names that begin with \`answer.\`, in the record alone where the answer is a stream. Numbers in the arguments of
a call that no double holds keep their digits between equal formats alone.`,
    ...CLIENTS.flatMap((client) => [`## Requests of ${client.name}`, requestTable(client)]),
    ...["openai-chat" as const, "anthropic-messages" as const].flatMap((backend) => [
      `## Answers of ${backend === "openai-chat" ? "OpenAI and vLLM" : "Anthropic"}`,
      answerTable(backend),
    ]),
  ];
  return `${parts.join("\n\n")}\n`;
}
