/** A model that this backend pretends to serve. */
export interface SimulatedModel {
  readonly id: string;
  readonly maxModelLength: number;
  readonly purpose: "chat" | "embed";
}

/** All simulated models; each name says what it is. */
export const SIMULATED_MODELS: readonly SimulatedModel[] = [
  { id: "simulated-small", maxModelLength: 32_768, purpose: "chat" },
  { id: "simulated-large", maxModelLength: 131_072, purpose: "chat" },
  { id: "simulated-reasoner", maxModelLength: 131_072, purpose: "chat" },
  { id: "simulated-bench", maxModelLength: 1_048_576, purpose: "chat" },
  { id: "simulated-embed", maxModelLength: 8_192, purpose: "embed" },
];

const BY_ID = new Map(SIMULATED_MODELS.map((model) => [model.id, model]));

/** The served model of this exact name. */
export function findModel(id: string): SimulatedModel | undefined {
  return BY_ID.get(id);
}

/** The moment at which all simulated models claim to have been made, in epoch seconds (1 January 2026). */
export const MODELS_CREATED_AT = 1_767_225_600;
