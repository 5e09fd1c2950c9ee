export const NAME = "openai-embeddings";
