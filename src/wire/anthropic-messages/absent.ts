/**
 * What the format's clients find in every message, null where there is nothing to tell: their types have no word for a field that is missing. Written
 * beneath what is known.
 */
export const ABSENT = {
  message: { container: null, diagnostics: null, stop_details: null },
  messageDelta: { container: null, stop_details: null },
  usage: {
    cache_creation: null,
    cache_creation_input_tokens: null,
    cache_read_input_tokens: null,
    inference_geo: null,
    output_tokens_details: null,
    server_tool_use: null,
    service_tier: null,
    speed: null,
  },
  usageDelta: {
    cache_creation_input_tokens: null,
    cache_read_input_tokens: null,
    output_tokens_details: null,
    server_tool_use: null,
  },
  text: { citations: null },
  /** Whoever answers here runs no tool that could call another. */
  toolUse: { caller: { type: "direct" } },
} as const;
