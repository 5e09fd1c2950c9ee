import { isGenerative } from "../core/draft.ts";
import type { Failure } from "../core/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import type { AttemptRequest } from "../core/wire.ts";
import { type Patch, patchBody } from "../lib/json.ts";
import { asksForSomething, isList } from "./read.ts";
import { type Translations, untranslatable } from "./translations.ts";

/** What vLLM would obey and no caller may set: scheduling, cache isolation, prompt templates. */
const VLLM_OWN = [
  "priority",
  "cache_salt",
  "kv_transfer_params",
  "vllm_xargs",
  "request_id",
  "chat_template",
  "chat_template_kwargs",
];

/** Edits of the caller's own text for a backend of the same format; each one but the model's name is noted. */
export class BodyPatches {
  private readonly patches: Patch[] = [];
  private readonly attempt: AttemptRequest;
  private readonly translations: Translations;

  constructor(attempt: AttemptRequest, translations: Translations) {
    this.attempt = attempt;
    this.translations = translations;
    this.patches.push({ key: "model", json: JSON.stringify(attempt.model) });
  }

  /** The value that the caller wrote; null and absent are both undefined. */
  before(key: string): Json | undefined {
    return this.attempt.body.value[key] ?? undefined;
  }

  put(key: string, value: Json, before: Json | undefined = this.before(key)): void {
    if (this.before(key) === value) return;
    this.patches.push({ key, json: JSON.stringify(value) });
    this.translations.note(key, before === undefined ? "added" : "mapped");
  }

  /** `note: false` where the member only moves to another name. */
  remove(key: string, note = true): void {
    if (!Object.hasOwn(this.attempt.body.value, key)) return;
    this.patches.push({ key, json: undefined });
    if (note) this.translations.note(key, "stripped");
  }

  /** Where the backend is to stream it is told so; where not, only a caller's `true` has to go. */
  stream(): void {
    if (this.attempt.stream || this.before("stream") === true) this.put("stream", this.attempt.stream);
  }

  text(): string {
    const { quirks, ownMembers = {} } = this.attempt;
    if (quirks.has("vllm")) {
      for (const field of VLLM_OWN) this.own(field, ownMembers[field]);
      for (const field of Object.keys(ownMembers)) if (!VLLM_OWN.includes(field)) this.own(field, ownMembers[field]);
    }
    if (quirks.has("random-seed") && this.before("seed") !== undefined) {
      // Its own text: a seed may have more digits than a double holds.
      const seed = this.attempt.body.members.find(({ key }) => key === "seed");
      if (seed)
        this.patches.push({ key: "random_seed", json: this.attempt.body.text.slice(seed.valueStart, seed.end) });
      this.remove("seed", false);
      this.translations.note("seed", "mapped");
    }
    if (quirks.has("no-end-user")) for (const field of END_USER) this.drop(field);
    const messages = this.attempt.body.value.messages;
    if (quirks.has("no-names") && isList(messages) && messages.some(isNamed)) {
      this.patches.push({ key: "messages", json: JSON.stringify(messages.map(nameless)) });
      this.translations.note("messages[].name", "dropped");
    }
    return patchBody(this.attempt.body, this.patches);
  }

  /** The caller's value is named as stripped; the gateway's own is its own business. */
  private own(field: string, value: Json | undefined): void {
    if (value === undefined) this.remove(field);
    else {
      if (Object.hasOwn(this.attempt.body.value, field)) this.translations.note(field, "stripped");
      this.patches.push({ key: field, json: JSON.stringify(value) });
    }
  }

  private drop(field: string): void {
    if (!Object.hasOwn(this.attempt.body.value, field)) return;
    this.remove(field, false);
    this.translations.note(field, "dropped");
  }
}

/** A body that was built from the draft, as the backend's quirks want it: the same rules as `BodyPatches.text`. */
export function withQuirks(built: JsonObject, attempt: AttemptRequest, translations: Translations): JsonObject {
  const { quirks, ownMembers } = attempt;
  if (quirks.size === 0) return built;
  const body: Record<string, Json> = { ...built };
  if (quirks.has("vllm")) Object.assign(body, ownMembers);
  if (quirks.has("random-seed") && body.seed !== undefined) {
    body.random_seed = body.seed;
    delete body.seed;
    translations.note("seed", "mapped");
  }
  if (quirks.has("no-end-user")) {
    for (const field of END_USER) {
      if (body[field] === undefined) continue;
      delete body[field];
      translations.note("user", "dropped");
    }
  }
  if (quirks.has("no-names") && isList(body.messages) && body.messages.some(isNamed)) {
    body.messages = body.messages.map(nameless);
    translations.note("messages[].name", "dropped");
  }
  return body;
}

/**
 * What this backend cannot do though its format has a word for it, by the caller's name for it. Another backend may: the failure says so.
 * Refused rather than dropped, since the answer would be another one than was asked for.
 */
export function beyondBackend({ draft, body, clientWire, quirks }: AttemptRequest): Failure | undefined {
  if (!isGenerative(draft) || quirks.size === 0) return undefined;
  const why = (what: string) => `the backend of this model ${what}`;
  if (quirks.has("no-n") && (draft.choices ?? 1) > 1) return untranslatable("n", why("gives one choice")).failure;
  if (quirks.has("no-logprobs")) {
    const isOpenAi = clientWire === "openai-chat" || clientWire === "openai-completions";
    const said = (field: string) => isOpenAi && asksForSomething(body.value[field]);
    if (draft.logprobs !== undefined || said("logprobs"))
      return untranslatable("logprobs", why("tells no log probabilities")).failure;
    if (said("logit_bias")) return untranslatable("logit_bias", why("takes no biases")).failure;
  }
  return undefined;
}

const END_USER = ["user", "safety_identifier"];

function isNamed(message: Json): boolean {
  return isJsonObject(message) && message.name !== undefined && message.role !== "tool" && message.role !== "function";
}

function nameless(message: Json): Json {
  if (!isNamed(message) || !isJsonObject(message)) return message;
  const { name: _, ...rest } = message;
  return rest;
}
