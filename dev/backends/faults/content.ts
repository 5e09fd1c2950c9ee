import { crc32, deflateRawSync, constants as zlib } from "node:zlib";
import { EDGE_ERRORS, edgeErrorReply } from "../../tunnel/edge-replies.ts";
import { errorJson, errorScript } from "../formats/errors.ts";
import { isJsonObject, parseJson } from "../json.ts";
import { bodyLength, type Script, type Step } from "../script.ts";
import { type Fault, type FaultContext, numberOf } from "./parameters.ts";
import { editJson, extraFrame, indexAfterTokens, withSteps } from "./steps.ts";

function insertAfterTokens(script: Script, context: FaultContext, frame: Step): Script {
  const index = indexAfterTokens(script.steps, numberOf(context, "after") ?? 3);
  return withSteps(script, [...script.steps.slice(0, index), frame, ...script.steps.slice(index)]);
}

const MALFORMED: Readonly<Record<string, Buffer>> = {
  json: Buffer.from('data: {"id":"simulated-malformed","choices":[{"index":0,"delta":{"content":"unfinis\n\n'),
  utf8: Buffer.concat([
    Buffer.from('data: {"id":"simulated-malformed","choices":[],"text":"'),
    Buffer.from([0xc3, 0x28, 0xff]),
    Buffer.from('"}\n\n'),
  ]),
  text: Buffer.from("data: this is not JSON\n\n"),
  array: Buffer.from("data: [1,2,3]\n\n"),
  null: Buffer.from("data: null\n\n"),
};

function malformedFrame(script: Script, context: FaultContext): Script {
  const bytes = MALFORMED[context.parameters.kind ?? "json"] ?? MALFORMED.json ?? Buffer.alloc(0);
  // A JSON body has no frames: it loses its last byte, which no JSON parser forgives.
  if (!script.streamed)
    return withSteps(
      script,
      script.steps.map((step) => ({ ...step, bytes: step.bytes.subarray(0, -1) })),
    );
  const event = Buffer.from(eventNameLine(script, context));
  return insertAfterTokens(script, context, {
    kind: "error",
    bytes: Buffer.concat([event, bytes]),
    after: 0,
    tokens: 0,
    frames: 1,
  });
}

function eventNameLine(script: Script, context: FaultContext): string {
  if (script.dialect === "responses") return "event: response.output_text.delta\n";
  return context.format === "anthropic" ? "event: content_block_delta\n" : "";
}

function giantFrame(script: Script, context: FaultContext): Script {
  const padding = "x".repeat(numberOf(context, "bytes") ?? 8 * 1024 * 1024);
  const target = script.streamed
    ? script.steps[indexAfterTokens(script.steps, numberOf(context, "after") ?? 3)]
    : script.steps[0];
  // What came before has left before so much is written, or a reader that stops there would have had what the tally does not know.
  const before = script.steps
    .slice(0, target ? script.steps.indexOf(target) : 0)
    .map((step) => ({ ...step, flush: true }));
  const flushing = { ...script, steps: [...before, ...script.steps.slice(before.length)] };
  return editJson(flushing, (json, step) => (step === target ? { ...json, simulated_padding: padding } : json));
}

function errorFrame(script: Script, context: FaultContext): Script {
  const status = numberOf(context, "status") ?? (context.format === "anthropic" ? 529 : 500);
  const error = {
    status,
    message:
      context.parameters.message ?? (status === 529 ? "Overloaded" : "The simulated engine broke while answering."),
  };
  if (!script.streamed) return errorScript(context.format, error);
  const kept = script.steps.slice(0, indexAfterTokens(script.steps, numberOf(context, "after") ?? 3));
  const json = JSON.stringify(errorJson(context.format, error));
  if (script.dialect === "responses")
    return { ...script, steps: [...kept, responsesError(kept, error.message, context.parameters.as)] };
  const frames =
    context.format === "anthropic"
      ? [extraFrame(`event: error\ndata: ${json}\n\n`)]
      : [extraFrame(`data: ${json}\n\n`), extraFrame("data: [DONE]\n\n", "done")];
  return { ...script, steps: [...kept, ...frames] };
}

/** Responses tell of an error by an event of its own, or by the response that failed. */
function responsesError(kept: readonly Step[], message: string, as: string | undefined): Step {
  const head = { sequence_number: kept.length };
  const code = "server_error";
  if (as !== "failed")
    return extraFrame(
      `event: error\ndata: ${JSON.stringify({ type: "error", ...head, code, message, param: null })}\n\n`,
    );
  const opening = parseJson(kept[0]?.bytes.toString("utf8").split("\ndata: ")[1] ?? "")?.value;
  const response = isJsonObject(opening) && isJsonObject(opening.response) ? opening.response : {};
  const failed = { ...response, status: "failed", error: { code, message } };
  return extraFrame(
    `event: response.failed\ndata: ${JSON.stringify({ type: "response.failed", ...head, response: failed })}\n\n`,
  );
}

function gzip(script: Script): Script {
  // Each frame is deflated alone up to a byte boundary, so that frames still leave one by one inside one gzip stream.
  let checksum = 0;
  const steps = script.steps.map((step, index) => {
    checksum = crc32(step.bytes, checksum);
    const deflated = deflateRawSync(step.bytes, { finishFlush: zlib.Z_SYNC_FLUSH });
    return { ...step, bytes: index === 0 ? Buffer.concat([GZIP_HEADER, deflated]) : deflated };
  });
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(checksum, 0);
  trailer.writeUInt32LE(bodyLength(script) % 2 ** 32, 4);
  const end: Step = {
    kind: "closing",
    bytes: Buffer.concat([deflateRawSync(Buffer.alloc(0)), trailer]),
    after: 0,
    tokens: 0,
    frames: 0,
  };
  return withSteps({ ...script, headers: { ...script.headers, "content-encoding": "gzip" } }, [...steps, end]);
}

/** RFC 1952: magic, deflate, no flags, no time, no extra flags, Unix. */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);

const pageOf = (): string => edgeErrorReply(EDGE_ERRORS.badGateway, "html").body;

/** The tunnel's page in the midst of the stream, and nothing behind it. */
function pageInStream(script: Script, context: FaultContext): Script {
  if (!script.streamed) return script;
  const kept = script.steps.slice(0, indexAfterTokens(script.steps, numberOf(context, "after") ?? 3));
  return withSteps(script, [...kept, extraFrame(`${pageOf()}\n\n`)]);
}

const DIALECTS: Readonly<Record<string, (text: string, index: number) => string>> = {
  crlf: (text) => text.replaceAll("\n", "\r\n"),
  cr: (text) => text.replaceAll("\n", "\r"),
  bom: (text, index) => (index === 0 ? `\uFEFF${text}` : text),
  comments: (text) => `: simulated comment\n\n${text}`,
  "no-space": (text) => text.replaceAll("data: ", "data:").replaceAll("event: ", "event:"),
  // A tunnel that broke for a moment: what it says runs into the frame behind it.
  page: (text) => `${pageOf()}${text}`,
  fields: (text) => `id: 1\nretry: 1000\nunknown: field\n${text}`,
};

function dialect(script: Script, context: FaultContext): Script {
  const rewrite = DIALECTS[context.parameters.style ?? "crlf"];
  if (!script.streamed || rewrite === undefined) return script;
  return {
    ...script,
    steps: script.steps.map((step, index) => ({
      ...step,
      bytes: Buffer.from(rewrite(step.bytes.toString("utf8"), index)),
    })),
  };
}

/** Faults of what the answer says or how it is written. */
export const CONTENT_FAULTS: Readonly<Record<string, Fault>> = {
  "malformed-frame": {
    summary: "a frame that no parser accepts between good ones (a JSON body loses its last byte)",
    parameters: { after: "tokens before it, 3 by default", kind: "json (default, cut off), utf8, text, array or null" },
    outcome: "failed",
    apply: malformedFrame,
  },
  "giant-frame": {
    summary: "one frame (or the JSON body) carries an unknown field of many bytes",
    parameters: { bytes: "8388608 by default", after: "tokens before it, 3 by default" },
    outcome: "completed",
    apply: giantFrame,
  },
  "error-frame": {
    summary:
      "an error after some tokens: vLLM's `data: {\"error\"}` then `[DONE]`, Anthropic's and Responses' `event: error`; for JSON an error status",
    parameters: {
      after: "tokens before it, 3 by default",
      status: "500, Anthropic 529 by default",
      message: "its message",
      as: "Responses: error (default) for an `error` event, failed for `response.failed`",
    },
    outcome: "failed",
    apply: errorFrame,
  },
  "page-in-stream": {
    summary: "the tunnel's page in the midst of the stream, and then its end; JSON is as ever",
    parameters: { after: "tokens before it, 3 by default" },
    outcome: "failed",
    apply: pageInStream,
  },
  gzip: {
    summary: "content-encoding gzip though nobody asked, frames still one by one",
    parameters: {},
    outcome: "completed",
    apply: gzip,
  },
  "wrong-content-type": {
    summary: "the right body under the wrong type",
    parameters: { type: "text/html by default" },
    outcome: "completed",
    apply: (script, { parameters }) => ({
      ...script,
      headers: { ...script.headers, "content-type": parameters.type ?? "text/html" },
    }),
  },
  "tool-call-fragments": {
    summary: "the answer is a tool call whose input comes in token-sized fragments",
    parameters: {
      name: "the tool's name, `simulated_tool` by default",
      every: "or: fragments of so many UTF-16 units, wherever that cuts",
    },
    outcome: "completed",
    prepare: (directives, parameters) => {
      if (directives.tools === undefined) directives.tool ??= parameters.name ?? "simulated_tool";
      const every = Math.floor(Number(parameters.every));
      if (every >= 1) directives.fragments = every;
    },
    apply: (script) => script,
  },
  "sse-dialect": {
    summary: "valid but unusual event-stream syntax",
    parameters: {
      style: "crlf (default), cr, bom, comments, no-space, page (a tunnel's, before each frame) or fields",
    },
    outcome: "completed",
    apply: dialect,
  },
};
