export const NAME = "workers-ai";

/** Where a text generation's calls stand behind its text: Workers AI numbers neither. */
export const FIRST_CALL_BLOCK = 16;
