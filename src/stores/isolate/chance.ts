import type { Chance } from "../../core/ports.ts";

/** Crockford's base 32: no I, L, O, U. Sorts as the numbers do. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const HEX = "0123456789abcdef";
const POOL_BYTES = 1_024;

/** Randomness of the runtime, drawn from a pool so that a request costs no call of its own. */
export function runtimeChance(now: () => number): Chance {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  const byte = (): number => {
    if (used >= POOL_BYTES) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    return pool[used++] ?? 0;
  };
  return {
    random: () => Math.random(),
    /** ULID (10 characters of milliseconds, 16 of randomness) behind `req_`. */
    requestId() {
      let time = now();
      let text = "";
      for (let digit = 0; digit < 10; digit++) {
        text = ALPHABET.charAt(time % 32) + text;
        time = Math.floor(time / 32);
      }
      for (let digit = 0; digit < 16; digit++) text += ALPHABET.charAt(byte() & 31);
      return `req_${text}`;
    },
    hex(bytes) {
      let text = "";
      for (let index = 0; index < bytes; index++) {
        const value = byte();
        text += HEX.charAt(value >> 4) + HEX.charAt(value & 15);
      }
      return text;
    },
  };
}
