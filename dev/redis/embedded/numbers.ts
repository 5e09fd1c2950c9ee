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
  const { mantissa, exponent } = significant(value, precision);
  if (exponent < -4 || exponent >= precision) {
    const sign = exponent < 0 ? "-" : "+";
    return `${alternate ? mantissa : trimZeros(mantissa)}e${sign}${Math.abs(exponent).toString().padStart(2, "0")}`;
  }
  const plain = placePoint(mantissa, exponent);
  if (!alternate) return trimZeros(plain);
  return plain.includes(".") ? plain : `${plain}.`;
}

/** The digits of a number. JavaScript rounds a tie away from zero, C to the even digit: 123456789012345 has one at 14 digits. */
function significant(value: number, precision: number): { mantissa: string; exponent: number } {
  const [exact = ""] = value.toExponential(Math.min(precision + 25, 100)).split("e");
  const kept = exact.slice(0, exact.indexOf(".") + precision);
  const isTie = /^50*$/.test(exact.slice(kept.length));
  const rounded = isTie && /[02468]\.?$/.test(kept) ? kept : undefined;
  const [mantissa = "", exponent = ""] = value.toExponential(precision - 1).split("e");
  return { mantissa: rounded?.replace(/\.$/, "") ?? mantissa, exponent: Number(exponent) };
}

/** A number with this many digits after the point, as C's `%.{digits}f` writes it. */
export function formatFixed(value: number, digits: number): Bytes {
  // toFixed gives up at 1e21; from there on a double is whole.
  if (Math.abs(value) >= 1e21) return BigInt(value).toString() + (digits > 0 ? `.${"0".repeat(digits)}` : "");
  const exact = value.toFixed(Math.min(digits + 25, 100));
  const kept = exact.slice(0, exact.indexOf(".") + 1 + digits);
  const isTie = /^50*$/.test(exact.slice(kept.length));
  return isTie && /[02468]\.?$/.test(kept) ? kept.replace(/\.$/, "") : value.toFixed(digits);
}

/** `1.2345` and 2 make `123.45`. */
function placePoint(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1);
  const fraction = digits.slice(exponent + 1);
  return sign + whole + (fraction === "" ? "" : `.${fraction}`);
}

function trimZeros(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}
