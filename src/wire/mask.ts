import { MASK, maskCredentials } from "../core/credentials.ts";

/** Where a message ends that is told to a caller. */
const MAX_MESSAGE = 500;
/** Read a little further, so that the cut does not fall into a secret which would then no longer look like one. */
const MAX_READ = 4096;

const URLS = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'<>)\]}]{1,2048}/gi;
const ADDRESSES = /\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b|\[?(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}\]?(?::\d{1,5})?/gi;
const LOCAL = /\blocalhost(?::\d{1,5})?\b|\b[a-z][a-z0-9-]{0,62}:\d{2,5}\b/gi;
const DOTTED = /(?<![\w.-])[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,10}(?::\d{1,5})?/gi;
const PATHS = /(?<![\w/])(?:\/[\w.@-]{1,64}){2,20}/g;
/** Long runs of letters and digits that no word or model name looks like. */
const RUNS = /[A-Za-z0-9][A-Za-z0-9_/+-]{19,4096}={0,2}/g;

/** Fields of requests, which are named with dots and are not hosts. */
const FIELD_ROOTS =
  /^(?:messages|system|tools|tool_choice|metadata|model|input|body|content|stop|stop_sequences|stream|stream_options|max_tokens|max_completion_tokens|temperature|top_p|top_k|n|seed|user|thinking|response_format|output_config|logit_bias)\b/i;

/**
 * A backend's message as a caller may see it: nothing that looks like a credential, a URL, a host, an address or a path, and not
 * endless. Rather one word too many is masked than one too few; every pattern has bounded repeats.
 */
export function maskForCaller(text: string): string {
  const masked = maskCredentials(text.slice(0, MAX_READ).replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " "))
    .replace(URLS, MASK)
    .replace(ADDRESSES, MASK)
    .replace(RUNS, (run) => (isName(run) ? run : MASK))
    .replace(DOTTED, (name) => (isHarmless(name) ? name : MASK))
    .replace(LOCAL, MASK)
    .replace(PATHS, MASK)
    .trim();
  return masked.length > MAX_MESSAGE ? `${masked.slice(0, MAX_MESSAGE).trimEnd()}…` : masked;
}

/** `3.14`, `Qwen2.5-7B` and `messages.0.content` have dots and are no hosts: the last label of a host is of letters. */
function isHarmless(name: string): boolean {
  const last = name.slice(name.lastIndexOf(".") + 1).replace(/:\d+$/, "");
  return FIELD_ROOTS.test(name) || !/^(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})$/i.test(last);
}

/** `claude-haiku-4-5-20251001`, `context_length_exceeded`: short words and numbers; a secret has long pieces in which both mix. */
function isName(run: string): boolean {
  return run.split(/[-_/]/).every((piece) => /^(?:[A-Za-z]{0,20}|\d{1,10}|[A-Za-z0-9.]{1,7})$/.test(piece));
}
