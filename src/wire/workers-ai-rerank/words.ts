export const NAME = "workers-ai-rerank";
