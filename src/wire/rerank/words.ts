export const NAME = "rerank";
