export const NAME = "vllm-tokenize";
