export const NAME = "anthropic-count-tokens";
