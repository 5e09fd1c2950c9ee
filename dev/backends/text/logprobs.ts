import { hash32, hashToUnit } from "./hash.ts";

/** The probability of one token, and of those that might have stood in its place, likeliest first. */
export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

/** A token with its alternatives; the token itself is the first of them. */
export interface TokenLogprobs extends TokenLogprob {
  readonly top_logprobs: readonly TokenLogprob[];
}

function entry(token: string, logprob: number): TokenLogprob {
  return { token, logprob: Number(logprob.toFixed(6)), bytes: [...Buffer.from(token)] };
}

/** A made-up probability that depends on the token and its place alone. */
export function logprobsOf(token: string, position: number, alternatives: number): TokenLogprobs {
  const seed = `logprob ${position} ${token}`;
  let logprob = -hashToUnit(seed);
  const chosen = entry(token, logprob);
  const top: TokenLogprob[] = alternatives > 0 ? [chosen] : [];
  while (top.length < alternatives) {
    logprob -= 0.5 + hashToUnit(`${top.length} ${seed}`);
    top.push(entry(hash32(`${top.length} ${seed}`).toString(36).slice(0, 4), logprob));
  }
  return { ...chosen, top_logprobs: top };
}
