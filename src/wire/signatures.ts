import type { Json } from "../core/json.ts";

/**
 * What only the provider that reasoned can read: a signature in Anthropic's format, `encrypted_content` in Responses. Each provider refuses the
 * other's. So a signature of the vocabulary says where it is from where that is Responses, and what clients of Responses are given of Anthropic's says so too.
 */
const OF_RESPONSES = "openai-responses:";
const OF_ANOTHER = "signature:";

/** `encrypted_content`, of a backend or of a client, as the vocabulary's signature. */
export function fromEncrypted(encrypted: Json | undefined): string | undefined {
  if (typeof encrypted !== "string" || encrypted === "") return undefined;
  return encrypted.startsWith(OF_ANOTHER) ? encrypted.slice(OF_ANOTHER.length) : OF_RESPONSES + encrypted;
}

/** A signature as a client of Responses is given it, to send it back. */
export function toEncrypted(signature: Json): string | undefined {
  if (typeof signature !== "string" || signature === "") return undefined;
  return responsesSignature(signature) ?? OF_ANOTHER + signature;
}

/** What a backend of Responses may be told of a signature; undefined where it is another provider's. */
export function responsesSignature(signature: Json | undefined): string | undefined {
  return typeof signature === "string" && signature.startsWith(OF_RESPONSES)
    ? signature.slice(OF_RESPONSES.length)
    : undefined;
}

/** What a backend of Anthropic's format may be told of it. */
export function anthropicSignature(signature: Json | undefined): string | undefined {
  return typeof signature === "string" && signature !== "" && !signature.startsWith(OF_RESPONSES)
    ? signature
    : undefined;
}
