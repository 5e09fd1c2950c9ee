import type { Bytes } from "../../protocol.ts";
import { formatFixed, formatNumber } from "../numbers.ts";
import { type LuaFunction, type LuaState, lauxlib, lua } from "./fengari.ts";
import { fromLua, toLua } from "./text.ts";

/** `%[flags][width][.precision]conversion` */
const SPECIFIER = /%([-+ #0]*)(\d{0,2})(?:\.(\d{0,2}))?(.?)/gs;

interface Specifier {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly conversion: string;
}

/** `string.format` as in Lua 5.1, where `%d` takes any number and cuts its fraction off. */
export const formatString: LuaFunction = (state) => {
  const template = fromLua(lua.lua_tolstring(state, 1) ?? complain(state, 1, "string expected"));
  let argument = 1;
  const formatted = template.replace(
    SPECIFIER,
    (_, flags: string, width: string, precision: string | undefined, conversion: string) => {
      if (conversion === "%") return "%";
      argument += 1;
      const specifier = {
        flags,
        width: Number(width),
        precision: precision === undefined ? undefined : Number(precision),
        conversion,
      };
      return pad(convert(state, argument, specifier), specifier);
    },
  );
  lua.lua_pushstring(state, toLua(formatted));
  return 1;
};

function convert(state: LuaState, index: number, specifier: Specifier): Bytes {
  const { precision, conversion } = specifier;
  if (index > lua.lua_gettop(state)) complain(state, index, "no value");
  switch (conversion) {
    case "s":
      return fromLua(lauxlib.luaL_tolstring(state, index)).slice(0, precision);
    case "q":
      return quote(fromLua(lauxlib.luaL_tolstring(state, index)));
    case "c":
      return String.fromCharCode(lauxlib.luaL_checknumber(state, index) & 255);
    case "d":
    case "i":
      return signed(wholeDigits(lauxlib.luaL_checknumber(state, index), 10, precision), specifier);
    case "u":
      return wholeDigits(lauxlib.luaL_checknumber(state, index), 10, precision);
    case "x":
    case "X":
    case "o":
      return prefixed(
        wholeDigits(lauxlib.luaL_checknumber(state, index), conversion === "o" ? 8 : 16, precision),
        specifier,
      );
    case "e":
    case "E":
    case "f":
    case "g":
    case "G":
      return signed(real(lauxlib.luaL_checknumber(state, index), specifier), specifier);
    default:
      return lauxlib.luaL_error(state, toLua(`invalid option '%${conversion}' to 'format'`));
  }
}

function wholeDigits(value: number, radix: number, precision: number | undefined): string {
  // What C's cast gives for a number that does not fit.
  const fits = Math.abs(value) < 2 ** 63;
  const whole = fits ? BigInt(Math.trunc(value)) : -(2n ** 63n);
  const digits = (radix === 10 ? whole : BigInt.asUintN(64, whole)).toString(radix);
  const negative = digits.startsWith("-");
  return (negative ? "-" : "") + (negative ? digits.slice(1) : digits).padStart(precision ?? 0, "0");
}

function real(value: number, { flags, precision = 6, conversion }: Specifier): string {
  const lower = conversion.toLowerCase();
  let text: string;
  if (!Number.isFinite(value) || lower === "g") text = formatNumber(value, precision, flags.includes("#"));
  else if (lower === "f") text = formatFixed(value, precision);
  else text = value.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2");
  return conversion === lower ? text : text.toUpperCase();
}

function signed(text: string, { flags }: Specifier): string {
  if (text.startsWith("-")) return text;
  if (flags.includes("+")) return `+${text}`;
  return flags.includes(" ") ? ` ${text}` : text;
}

function prefixed(text: string, { flags, conversion }: Specifier): string {
  const cased = conversion === "X" ? text.toUpperCase() : text;
  if (!flags.includes("#") || text === "0") return cased;
  return (conversion === "o" ? "0" : `0${conversion}`) + cased;
}

function pad(text: Bytes, { flags, width, precision, conversion }: Specifier): Bytes {
  if (text.length >= width) return text;
  if (flags.includes("-")) return text.padEnd(width);
  const zeros =
    flags.includes("0") && !"sqc".includes(conversion) && (precision === undefined || "eEfgG".includes(conversion));
  if (!zeros) return text.padStart(width);
  const [prefix = ""] = /^[+\- ]?(?:0[xX])?/.exec(text) ?? [];
  return prefix + text.slice(prefix.length).padStart(width - prefix.length, "0");
}

function quote(text: Bytes): Bytes {
  const escaped = text
    .replace(/["\\\n]/g, "\\$&")
    .replaceAll("\r", "\\r")
    .replaceAll("\0", "\\000");
  return `"${escaped}"`;
}

function complain(state: LuaState, index: number, what: string): never {
  return lauxlib.luaL_error(state, toLua(`bad argument #${index} to 'format' (${what})`));
}
