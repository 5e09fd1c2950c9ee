import type { Json } from "../core/json.ts";
import type { AttemptRequest } from "../core/wire.ts";
import { type Patch, patchBody } from "../lib/json.ts";
import type { Translations } from "./translations.ts";

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
    if (this.attempt.quirks.has("vllm")) for (const field of VLLM_OWN) this.remove(field);
    return patchBody(this.attempt.body, this.patches);
  }
}
