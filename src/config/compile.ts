import { z } from "zod";
import type { BaseConfig } from "../core/config.ts";
import { build } from "./build.ts";
import { crossCheck, type Finding } from "./checks.ts";
import { canonicalJson, fingerprint } from "./fingerprint.ts";
import { unknownPresets, withPresets } from "./presets.ts";
import { fileSchema } from "./schema.ts";
import { suggest } from "./suggest.ts";
import { type Path, readYaml } from "./yaml-source.ts";

export interface ConfigProblem {
  /** `routes.home.targets[0].backend`; empty for the file as a whole. */
  readonly path: string;
  readonly reason: string;
  /** From 1. */
  readonly line?: number;
  /** `file:line: path: reason`, for people. */
  readonly text: string;
}

export type Compiled =
  | { readonly ok: true; readonly config: BaseConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Compiles a YAML configuration into the base that the Worker holds: validated, cross-checked, no defaults left to guess.
 * Reports every problem at once and never repeats a value that may be a secret. Build time only: it brings zod and yaml.
 */
export function compileConfig(yamlText: string, fileName: string): Compiled {
  const source = readYaml(yamlText);
  if (source.errors.length > 0) {
    return { ok: false, problems: source.errors.map(({ reason, line }) => problem(fileName, "", reason, line)) };
  }
  const forbidden = forbiddenKeys(source.value, []);
  // What contains itself cannot be walked.
  const value = forbidden.length === 0 ? withPresets(source.value) : source.value;
  const parsed = fileSchema.safeParse(value);
  const presets = forbidden.length === 0 ? unknownPresets(source.value) : [];
  const findings = [
    ...forbidden,
    ...presets,
    ...(parsed.success
      ? crossCheck(parsed.data)
      : parsed.error.issues.flatMap((issue) => findingsOf(issue, value))
    ).filter(({ path, reason }) => reason !== IS_MISSING || !presets.some((preset) => preset.path[1] === path[1])),
  ];
  if (findings.length > 0 || !parsed.success) {
    const problems = findings.map(({ path, reason }) => problem(fileName, pathText(path), reason, source.lineOf(path)));
    return { ok: false, problems: problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)) };
  }
  const built = build(parsed.data);
  return { ok: true, config: { version: fingerprint(canonicalJson(built)), ...built } };
}

/** Of what is not there and must be. */
const IS_MISSING = "is missing";

function problem(fileName: string, path: string, reason: string, line: number | undefined): ConfigProblem {
  const place = line === undefined ? fileName : `${fileName}:${line}`;
  const text = path === "" ? `${place}: ${reason}` : `${place}: ${path}: ${reason}`;
  return { path, reason, ...(line !== undefined && { line }), text };
}

function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    const plain = /^[A-Za-z0-9_-]+$/.test(step);
    if (!plain) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

/** zod's issues in the words of this file. Records pass over `__proto__` in silence, hence `forbiddenKeys`. */
function findingsOf(issue: z.core.$ZodIssue, value: unknown): Finding[] {
  const path = issue.path.filter((step) => typeof step !== "symbol");
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = keysAt(fileSchema, path);
      return issue.keys.map((key) => {
        const near = suggest(key, known);
        const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean "${near}"?`;
        return { path: [...path, key], reason: `unknown key; ${hint}` };
      });
    }
    case "invalid_key":
      return [{ path, reason: `as a name, ${issue.issues[0]?.message ?? "is not allowed"}` }];
    case "invalid_type":
      if (valueAt(value, path) === undefined) return [{ path, reason: IS_MISSING }];
      return [
        {
          path,
          reason: issue.message.startsWith("Invalid input") ? `must be ${article(issue.expected)}` : issue.message,
        },
      ];
    case "invalid_value":
      if (valueAt(value, path) === undefined) return [{ path, reason: IS_MISSING }];
      return [{ path, reason: issue.message }];
    default:
      return [{ path, reason: issue.message }];
  }
}

function article(kind: string): string {
  if (kind === "object" || kind === "record") return "a map of keys and values";
  if (kind === "array") return "a list";
  return kind === "string" ? "a text" : `a ${kind}`;
}

function forbiddenKeys(value: unknown, path: Path, around: readonly unknown[] = []): Finding[] {
  if (typeof value !== "object" || value === null) return [];
  if (around.includes(value)) return [{ path, reason: "contains itself" }];
  return Object.entries(value).flatMap(([key, member]) => {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    if (key === "__proto__") return [{ path: here, reason: "is not allowed as a name" }];
    return forbiddenKeys(member, here, [...around, value]);
  });
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, step) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, step) : undefined),
    value,
  );
}

/** The keys that the schema knows at `path`. */
function keysAt(schema: unknown, path: Path): string[] {
  let inner: unknown = schema;
  for (const step of [...path, undefined]) {
    while (inner instanceof z.ZodOptional || inner instanceof z.ZodPipe) {
      inner = inner instanceof z.ZodOptional ? inner.unwrap() : inner.out;
    }
    if (step === undefined) break;
    if (inner instanceof z.ZodObject) inner = inner.shape[step];
    else if (inner instanceof z.ZodRecord) inner = inner.valueType;
    else if (inner instanceof z.ZodArray) inner = inner.element;
  }
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}
