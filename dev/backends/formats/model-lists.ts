import { MODELS_CREATED_AT, type SimulatedModel } from "../models.ts";
import type { Format } from "../script.ts";

interface ListedModel {
  readonly id: string;
  readonly [field: string]: unknown;
}

interface ModelList {
  readonly data: readonly ListedModel[];
  readonly [field: string]: unknown;
}

/** The model list of each format. Every entry says that its model is simulated, whatever its name. */
export function modelList(format: Format, models: readonly SimulatedModel[]): ModelList {
  return format === "anthropic" ? anthropicList(models) : openAiList(models);
}

function openAiList(models: readonly SimulatedModel[]): ModelList {
  const data = models.map(({ id, maxModelLength }) => ({
    id,
    object: "model",
    created: MODELS_CREATED_AT,
    owned_by: "vllm-simulated",
    root: id,
    parent: null,
    max_model_len: maxModelLength,
    permission: [],
  }));
  return { object: "list", data };
}

function anthropicList(models: readonly SimulatedModel[]): ModelList {
  const data = models
    .filter(({ purpose }) => purpose !== "embed")
    .map(({ id }) => ({
      type: "model",
      id,
      display_name: `${id} (simulated)`,
      created_at: new Date(MODELS_CREATED_AT * 1000).toISOString(),
    }));
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}
