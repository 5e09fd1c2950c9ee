import type { Chance } from "../../core/ports.ts";

/** Crockford's base 32: no I, L, O, U. Sorts as the numbers do. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const HEX = "0123456789abcdef";
const POOL_BYTES = 1_024;
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

/** Randomness of the runtime, drawn and spelt a pool at a time, so that an id of a request is a piece of a text that is there already. */
export function runtimeChance(now: () => number): Chance {
  const hex = pool(spellHex);
  const base32 = pool(spellBase32);
  let spelt = Number.NaN;
  let speltTime = "";
  return {
    random: () => Math.random(),
    /** ULID (10 characters of milliseconds, 16 of randomness) behind `req_`. */
    requestId() {
      const time = now();
      if (time !== spelt) {
        spelt = time;
        speltTime = spellTime(time);
      }
      return `req_${speltTime}${base32(RANDOM_DIGITS)}`;
    },
    hex: (bytes) => hex(bytes * 2),
  };
}

/** Takes characters off a spelt pool of random bytes, and fills it again when it is used up. */
function pool(spell: (bytes: Uint8Array) => string): (characters: number) => string {
  const bytes = new Uint8Array(POOL_BYTES);
  let text = "";
  let used = 0;
  return (characters) => {
    if (used + characters > text.length) {
      crypto.getRandomValues(bytes);
      text = spell(bytes);
      used = 0;
    }
    used += characters;
    return text.slice(used - characters, used);
  };
}

function spellHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX.charAt(byte >> 4) + HEX.charAt(byte & 15);
  return text;
}

/** Five of a byte's eight bits: 32 divides 256, so no digit is more likely than another. */
function spellBase32(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += ALPHABET.charAt(byte & 31);
  return text;
}

function spellTime(milliseconds: number): string {
  let left = milliseconds;
  let text = "";
  for (let digit = 0; digit < TIME_DIGITS; digit++) {
    text = ALPHABET.charAt(left % 32) + text;
    left = Math.floor(left / 32);
  }
  return text;
}
