import { FAULTS } from "./table.ts";

/** A fault to apply, with its parameters as written. */
export interface FaultCall {
  readonly name: string;
  readonly parameters: Readonly<Record<string, string | undefined>>;
}

/** Parameters that every fault understands. */
export const COMMON_PARAMETERS: Readonly<Record<string, string>> = {
  times: "only the first so many calls of one request id at this backend (the rest succeed)",
  only: "only at the backend of this name, in this format, or for this model",
};

function check(call: FaultCall): FaultCall | string {
  const row = Object.hasOwn(FAULTS, call.name) ? FAULTS[call.name] : undefined;
  if (row === undefined) return `unknown fault "${call.name}"`;
  for (const key of Object.keys(call.parameters)) {
    if (!Object.hasOwn(row.parameters, key) && !Object.hasOwn(COMMON_PARAMETERS, key)) {
      return `fault "${call.name}" has no parameter "${key}"`;
    }
  }
  return call;
}

/** Reads `name,key=value,key=value`. A string result says what is wrong with it. */
export function parseFaultCall(text: string): FaultCall | string {
  const [name = "", ...pairs] = text.split(",");
  const parameters: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals <= 0) return `fault "${name}": "${pair}" is not key=value`;
    parameters[pair.slice(0, equals).trim()] = pair.slice(equals + 1).trim();
  }
  return check({ name: name.trim(), parameters });
}

/** Reads a fault from JSON: the same text, or `{"name": …, "at": 300}`. A string result says what is wrong with it. */
export function faultCallFromJson(json: unknown): FaultCall | string {
  if (typeof json === "string") return parseFaultCall(json);
  if (typeof json !== "object" || json === null || !("name" in json) || typeof json.name !== "string") {
    return 'a fault is "name,key=value" or {"name": "…", …}';
  }
  const parameters: Record<string, string> = {};
  for (const [key, value] of Object.entries(json)) {
    if (key !== "name") parameters[key] = String(value);
  }
  return check({ name: json.name, parameters });
}
