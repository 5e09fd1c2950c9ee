/** A model that this backend pretends to serve. */
export interface SimulatedModel {
  readonly id: string;
  readonly maxModelLength: number;
  /** `any`: one of the names that the backend was told to answer under, whatever it is asked for. */
  readonly purpose: "chat" | "embed" | "rerank" | "any";
}

/** All simulated models; each name says what it is. */
export const SIMULATED_MODELS: readonly SimulatedModel[] = [
  { id: "simulated-small", maxModelLength: 32_768, purpose: "chat" },
  { id: "simulated-large", maxModelLength: 131_072, purpose: "chat" },
  { id: "simulated-reasoner", maxModelLength: 131_072, purpose: "chat" },
  { id: "simulated-bench", maxModelLength: 1_048_576, purpose: "chat" },
  { id: "simulated-strict", maxModelLength: 131_072, purpose: "chat" },
  { id: "simulated-rerank", maxModelLength: 8_192, purpose: "rerank" },
  { id: "simulated-embed", maxModelLength: 8_192, purpose: "embed" },
];

const BY_ID = new Map(SIMULATED_MODELS.map((model) => [model.id, model]));
/** As long as the longest context that a real model of such a name has. */
const ALSO_SERVED_LENGTH = 1_048_576;

/** The served model of this exact name: a simulated one, or one of the names that the backend answers under as well. */
export function findModel(id: string, alsoServed: readonly string[]): SimulatedModel | undefined {
  const own = BY_ID.get(id);
  return own ?? alsoServed.filter((name) => name === id).map(alsoServedModel)[0];
}

/** Whether a model can do the work of an endpoint: reranking is done by embeddings too, and real names do anything. */
export function serves(model: SimulatedModel, purpose: SimulatedModel["purpose"]): boolean {
  return model.purpose === purpose || model.purpose === "any" || (purpose === "rerank" && model.purpose === "embed");
}

/** Every served model. */
export function servedModels(alsoServed: readonly string[]): readonly SimulatedModel[] {
  return [...SIMULATED_MODELS, ...alsoServed.filter((name) => !BY_ID.has(name)).map(alsoServedModel)];
}

function alsoServedModel(id: string): SimulatedModel {
  return { id, maxModelLength: ALSO_SERVED_LENGTH, purpose: "any" };
}

/** The moment at which all simulated models claim to have been made, in epoch seconds (1 January 2026). */
export const MODELS_CREATED_AT = 1_767_225_600;
