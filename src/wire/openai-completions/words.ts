export const NAME = "openai-completions";

/** The one block of a choice's text, and the one for what has no word. */
export const TEXT_BLOCK = 0;
export const EXTRA_BLOCK = 1;
