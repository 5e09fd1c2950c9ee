/**
 * Recognises text that looks like a credential, for logs, configuration and messages of backends. A net, not a proof: what may
 * hold a secret is not written in the first place. Every pattern is linear: bounded repeats, none inside another.
 */
const SHAPES: readonly RegExp[] = [
  // Keys with a vendor's prefix: ours, OpenAI and Anthropic, Groq, Hugging Face, Google, AWS, GitHub, Slack, Upstash and Neon tokens.
  /\bgw_[a-z2-7]{16}_[0-9A-Za-z]{16,128}/g,
  /\b(?:sk|pk|rk)-[A-Za-z0-9_-]{12,256}/g,
  /\b(?:gsk|hf|ghp|gho|ghs|ghu|npg|napi|neon|upstash)_[A-Za-z0-9_]{12,256}/g,
  /\bgithub_pat_[A-Za-z0-9_]{12,256}/g,
  /\bAIza[A-Za-z0-9_-]{30,64}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,256}/g,
  // A JSON Web Token: two or three base64url parts of which the first opens a JSON object.
  /\beyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,4096}(?:\.[A-Za-z0-9_-]{0,4096})?/g,
  /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,8192}(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?/g,
  /\b(?:Bearer|Basic)\s{1,4}[A-Za-z0-9+/=._~-]{8,4096}/gi,
];

/** The password of `scheme://user:password@host`. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@]{0,128}):[^\s/@]{1,256}@/gi;

/** `api_key=…`, `"password": "…"` and their like: the name stays, the value goes. */
const NAMED_VALUE =
  /\b((?:[a-z0-9]{0,24}[_-]?)(?:api[_-]?key|access[_-]?key|secret|token|password|passwd|credential|authorization|pepper)["']?\s{0,4}[=:]\s{0,4}["']?)([^\s"',;&}]{6,4096})/gi;

/** Long runs of letters of both cases mixed with digits; ids in hex and in base32 are of one case and stay readable. */
const DENSE_RUN = /[A-Za-z0-9+/_-]{40,4096}={0,2}/g;

const isDense = (run: string): boolean => /[a-z]/.test(run) && /[A-Z]/.test(run) && /[0-9]/.test(run);

export const MASK = "[masked]";

/** The text with everything that looks like a credential replaced by `[masked]`. Other text is returned unchanged. */
export function maskCredentials(text: string): string {
  let masked = text;
  for (const shape of SHAPES) masked = masked.replace(shape, MASK);
  masked = masked.replace(URL_PASSWORD, `$1:${MASK}@`);
  masked = masked.replace(NAMED_VALUE, (whole, name: string, value: string) =>
    value.startsWith(MASK) ? whole : name + MASK,
  );
  return masked.replace(DENSE_RUN, (run) => (isDense(run) ? MASK : run));
}

export function looksLikeCredential(text: string): boolean {
  return maskCredentials(text) !== text;
}
