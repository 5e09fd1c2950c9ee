import { messagesRequestProblem, promptOf } from "./formats/anthropic/read-messages.ts";
import { errorScript, unknownModel } from "./formats/errors.ts";
import { modelList } from "./formats/model-lists.ts";
import { readChat } from "./formats/openai/read-chat.ts";
import { isJsonObject, parseJson } from "./json.ts";
import { findModel, servedModels } from "./models.ts";
import { type Format, jsonScript, plainScript, type Script } from "./script.ts";
import type { BackendState } from "./state.ts";
import { hash32 } from "./text/hash.ts";
import { promptTokens, splitIntoTokens } from "./text/tokens.ts";

/** A route that answers at once, without a model's work. */
export type PlainRoute = (request: { readonly path: string; readonly bodyText: string }, state: BackendState) => Script;

const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const VOCABULARY_SIZE = 128_000;

/** Routes by method and exact path; a path that ends in `/*` matches one more segment. */
export const PLAIN_ROUTES: Readonly<Record<string, PlainRoute>> = {
  "GET /health": () => plainScript(200, {}, ""),
  "GET /ping": () => plainScript(200, {}, ""),
  "GET /version": (_, { options }) =>
    jsonScript(200, { version: "0.0.0+simulated", simulated: true, name: options.name }),
  "GET /load": (_, { seats }) => jsonScript(200, { server_load: seats.runningRequests + seats.waiting.length }),
  "GET /metrics": (_, { metrics, seats }) => plainScript(200, { "content-type": EXPOSITION_TYPE }, metrics.text(seats)),
  "GET /v1/models": (_, state) => jsonScript(200, modelListOf("openai", state)),
  "GET /v1/models/*": ({ path }, state) => oneModel("openai", path, state),
  "GET /anthropic/v1/models": (_, state) => jsonScript(200, modelListOf("anthropic", state)),
  "GET /anthropic/v1/models/*": ({ path }, state) => oneModel("anthropic", path, state),
  "POST /tokenize": ({ bodyText }, state) => tokenize(bodyText, state),
  "POST /anthropic/v1/messages/count_tokens": ({ bodyText }) => countTokens(bodyText),
};

function modelListOf(format: Format, { options }: BackendState) {
  return modelList(format, servedModels(options.alsoServe));
}

function oneModel(format: Format, path: string, state: BackendState): Script {
  const id = decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  const found = modelListOf(format, state).data.find((model) => model.id === id);
  if (found !== undefined) return jsonScript(200, found);
  return errorScript(format, unknownModel(format, id));
}

/** vLLM's `/tokenize`, for a prompt or for messages, by the simulator's own rule. */
function tokenize(bodyText: string, { options }: BackendState): Script {
  const json = parseJson(bodyText)?.value;
  if (!isJsonObject(json))
    return errorScript("openai", {
      status: 400,
      type: "Bad Request",
      message: "[{'type': 'json_invalid', 'loc': ('body',), 'msg': 'JSON decode error'}]",
    });
  const maxModelLength = findModel(String(json.model ?? "simulated-small"), options.alsoServe)?.maxModelLength;
  if (maxModelLength === undefined) return errorScript("openai", unknownModel("openai", String(json.model)));
  if (typeof json.prompt === "string") {
    const strings = splitIntoTokens(json.prompt);
    return jsonScript(200, {
      count: strings.length,
      max_model_len: maxModelLength,
      tokens: strings.map((token) => hash32(token) % VOCABULARY_SIZE),
      token_strs: json.return_token_strs === true ? strings : null,
    });
  }
  const ask = readChat(json, { strict: false });
  if ("status" in ask) return errorScript("openai", ask);
  const tokens = Array.from({ length: ask.promptTokens }, (_, index) => hash32(String(index)) % VOCABULARY_SIZE);
  return jsonScript(200, { count: ask.promptTokens, max_model_len: maxModelLength, tokens, token_strs: null });
}

function countTokens(bodyText: string): Script {
  const json = parseJson(bodyText)?.value;
  if (!isJsonObject(json))
    return errorScript("anthropic", { status: 400, message: "The request body is not valid JSON" });
  const problem = messagesRequestProblem(json, false);
  if (problem !== undefined) return errorScript("anthropic", problem);
  return jsonScript(200, { input_tokens: promptTokens(promptOf(json)) });
}
