import { MODELS_CREATED_AT, SIMULATED_MODELS } from "../models.ts";
import type { Format } from "../script.ts";

interface ListedModel {
  readonly id: string;
  readonly [field: string]: unknown;
}

/** The model list of each format. */
export function modelList(format: Format): {
  readonly data: readonly ListedModel[];
  readonly [field: string]: unknown;
} {
  return format === "anthropic" ? ANTHROPIC_LIST : OPENAI_LIST;
}

const OPENAI_LIST = {
  object: "list",
  data: SIMULATED_MODELS.map(({ id, maxModelLength }) => ({
    id,
    object: "model",
    created: MODELS_CREATED_AT,
    owned_by: "vllm-simulated",
    root: id,
    parent: null,
    max_model_len: maxModelLength,
    permission: [],
  })),
};

const ANTHROPIC_MODELS = SIMULATED_MODELS.filter((model) => model.purpose === "chat").map(({ id }) => ({
  type: "model",
  id,
  display_name: `${id} (simulated)`,
  created_at: new Date(MODELS_CREATED_AT * 1000).toISOString(),
}));

const ANTHROPIC_LIST = {
  data: ANTHROPIC_MODELS,
  has_more: false,
  first_id: ANTHROPIC_MODELS[0]?.id ?? null,
  last_id: ANTHROPIC_MODELS.at(-1)?.id ?? null,
};
