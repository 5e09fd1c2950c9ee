/**
 * What each name may be that comes from outside. One rule a kind of name, used wherever such a name is read: the configuration, the bodies of
 * both formats, paths, queries, headers and the admin API. What does not fit is a 400 that names the field; what fits is kept and told as it
 * came.
 *
 * | name | rule | because |
 * |---|---|---|
 * | `model`, `/v1/models/{id}`, `allowedModels` | `ALIAS` | part of Redis keys and metric labels; told in headers |
 * | tenant (body, query, cursor) | `TENANT` | part of Redis keys, between braces |
 * | user of a key | `USER` | part of Redis keys |
 * | tier, backend | `PLAIN_NAME` | named in configurations and metric labels |
 * | breaker (overlay) | `BREAKER_NAME` | part of Redis keys; must exist in the configuration too |
 * | key id, request id | `KEY_ID`, `REQUEST_ID` | made by the gateway, in one form |
 * | `x-gateway-cache-namespace` | `NAMESPACE` | part of what a cache key is made of |
 * | `user`, `safety_identifier`, `metadata.user_id`, `messages[].name`; names of tenants and keys | display name | people's words, in any script: bound to JSON bodies and parameters, never part of a key, a header or a label |
 * | stop sequences | display name, and line ends and tabs | text of a model |
 * | the address as the edge saw it | `addressBlock` (lib/address.ts): an IPv4 address, an IPv6 /64, or `none` | part of Redis keys; never a reason to refuse |
 *
 * `traceparent` is the standard's own form, or it is as if it had not come. Other headers (`x-request-id`, `user-agent`, …) are not read.
 */
export interface NameRule {
  readonly pattern: RegExp;
  /** Behind the name of the field: "must be …". */
  readonly says: string;
}

/** What a caller may put into `model`: provider names hold dots, colons and slashes. */
export const ALIAS: NameRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/,
  says: "must be 1 to 128 letters, digits and . _ : / @ -",
};

/** Names of backends and tiers. */
export const PLAIN_NAME: NameRule = {
  pattern: /^[a-z0-9][a-z0-9-]{0,47}$/,
  says: "must be 1 to 48 lower-case letters, digits and hyphens",
};

/** A provider's own name of a model. */
export const MODEL_NAME: NameRule = {
  pattern: /^[\x21-\x7e]{1,200}$/,
  says: "must be a model's name without spaces",
};

/** A backend, or `backend/model`. */
export const BREAKER_NAME: NameRule = {
  pattern: /^[a-z0-9][a-z0-9-]{0,47}(\/[\x21-\x7e]{1,200})?$/,
  says: "must be a backend, or backend/model",
};

/** No braces and no colons: they structure the keys in Redis. */
export const TENANT: NameRule = {
  pattern: /^[a-z0-9][a-z0-9._-]{0,62}$/,
  says: "must be 1 to 63 lower-case letters, digits and . _ -",
};

export const USER: NameRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/,
  says: "must be 1 to 128 letters, digits and . _ @ + -",
};

export const KEY_ID: NameRule = { pattern: /^[a-z2-7]{16}$/, says: "must be 16 letters a to z and digits 2 to 7" };

export const REQUEST_ID: NameRule = {
  pattern: /^[A-Za-z0-9_-]{1,128}$/,
  says: "must be 1 to 128 letters, digits, underscores and hyphens",
};

export const NAMESPACE: NameRule = {
  pattern: /^[A-Za-z0-9._-]{1,64}$/,
  says: "must be 1 to 64 letters, digits, dots, dashes or underscores",
};

/** Display names and stop sequences are at most this long, in UTF-16 units. */
export const DISPLAY_NAME_MAX = 256;

/**
 * What no display name holds: C0, DEL, C1, line and paragraph separators, halves of surrogate pairs, which no UTF-8 can carry, and what is
 * invisible or turns the direction of text, so that two names which look alike are alike. The two joiners stay: Persian and emoji are written
 * with them.
 */
export const UNFIT_IN_DISPLAY_NAME = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|[^\P{Cf}\u200c\u200d]/u;
/** The same said of the whole, for schemas. */
export const DISPLAY_NAME = /^(?:[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Cf}]|[\u200c\u200d])*$/u;
/** A stop sequence may be a line end or a tab: that is what most of them are. */
export const UNFIT_IN_STOP = /[^\P{Cc}\t\n\r]|[\p{Zl}\p{Zp}\p{Cs}]/u;
