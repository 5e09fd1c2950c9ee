export const NAME = "workers-ai-embeddings";
