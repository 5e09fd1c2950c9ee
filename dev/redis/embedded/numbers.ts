import type { Bytes } from "../protocol.ts";

/**
 * A number as C's `printf("%.{digits}g")` writes it, which is how Redis and its Lua write numbers: the shorter of plain and
 * exponent form, without trailing zeros. `alternate` keeps the zeros (`%#g`).
 */
export function formatNumber(value: number, digits: number, alternate = false): Bytes {
  // Lua's 0/0 carries the sign bit on the machines that Redis runs on.
  if (Number.isNaN(value)) return "-nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0";
  if (Number.isInteger(value) && Math.abs(value) < 10 ** Math.min(digits, 15) && !alternate) return value.toString();
  const precision = digits === 0 ? 1 : digits;
  const [mantissa = "", exponentText = ""] = value.toExponential(precision - 1).split("e");
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= precision) {
    const sign = exponent < 0 ? "-" : "+";
    return `${alternate ? mantissa : trimZeros(mantissa)}e${sign}${Math.abs(exponent).toString().padStart(2, "0")}`;
  }
  const plain = value.toFixed(Math.max(precision - 1 - exponent, 0));
  return alternate ? plain : trimZeros(plain);
}

function trimZeros(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}
