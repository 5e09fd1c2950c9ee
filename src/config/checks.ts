import { formatFor, OPERATION_OF } from "../core/formats.ts";
import {
  buildBreaker,
  candidatesOf,
  contextOf,
  deadlinesOf,
  longestAnswerMs,
  mostOutputTokens,
  nameInFile,
  priceOf,
} from "./build.ts";
import { checkChain } from "./chain-checks.ts";
import { DEFAULT_ROUTE } from "./defaults.ts";
import { checkDegradation } from "./degradation.ts";
import type { Finding } from "./finding.ts";
import { readChoice, readRules, targetNames } from "./route-rules.ts";
import type { BackendFile, ConfigFile, RouteFile } from "./schema.ts";
import { checkSeats } from "./seats-checks.ts";
import { missing } from "./suggest.ts";
import type { Path } from "./yaml-source.ts";

export type { Finding } from "./finding.ts";

/** What no single value can show: names that must exist, numbers that must fit each other. Pure; finds all there is at once. */
export function crossCheck(file: ConfigFile): readonly Finding[] {
  return [
    ...checkTiers(file),
    ...Object.entries(file.backends).flatMap(([name, backend]) => checkBackend(name, backend)),
    ...Object.entries(file.backends).flatMap(([name, { seats }]) =>
      checkSeats(["backends", name, "seats"], seats, file),
    ),
    ...checkVariables(file),
    ...Object.entries(file.routes).flatMap(([alias, route]) => checkRoute(alias, route, file)),
    ...checkQuarantine(file),
  ];
}

function checkTiers(file: ConfigFile): Finding[] {
  if (Object.hasOwn(file.tiers, file.defaultTier)) return [];
  return [{ path: ["defaultTier"], reason: missing("tier", file.defaultTier, file.tiers) }];
}

function checkBackend(name: string, backend: BackendFile): Finding[] {
  const findings: Finding[] = [];
  const at = ["backends", name];
  backend.formats.forEach((format, index) => {
    const first = formatFor(backend, OPERATION_OF[format]);
    if (backend.formats.indexOf(format) < index || (first !== undefined && first !== format)) {
      findings.push({
        path: [...at, "formats", index],
        reason: `a second format for the operation ${OPERATION_OF[format]}; a backend has one`,
      });
    }
  });
  findings.push(...checkDeadlines([...at, "deadlines"], backend));
  findings.push(...checkTransport(at, backend));
  if (backend.priorityScheduling === true && !backend.quirks?.includes("vllm"))
    findings.push({ path: [...at, "priorityScheduling"], reason: "is vLLM's; the backend has no quirk `vllm`" });
  const breaker = buildBreaker(backend.breaker);
  if (breaker.maxOpenMs < breaker.openMs) {
    findings.push({
      path: [...at, "breaker"],
      reason: `maxOpenMs (${breaker.maxOpenMs}) is less than openMs (${breaker.openMs})`,
    });
  }
  return findings;
}

/** A host is what `fetch` needs and the binding has not; the binding speaks its own formats and no other does. */
function checkTransport(at: Path, { transport = "fetch", baseUrl, auth, formats }: BackendFile): Finding[] {
  const findings: Finding[] = [];
  const bound = transport === "workers-ai";
  if (!bound && baseUrl === undefined) findings.push({ path: [...at, "baseUrl"], reason: "is missing" });
  if (bound && (baseUrl ?? auth) !== undefined)
    findings.push({ path: at, reason: "the binding of workers-ai has neither a `baseUrl` nor an `auth`" });
  for (const [index, format] of formats.entries()) {
    if (format.startsWith("workers-ai") !== bound)
      findings.push({ path: [...at, "formats", index], reason: `${format} is not spoken over ${transport}` });
  }
  return findings;
}

function checkDeadlines(path: Path, backend: BackendFile | undefined, route?: RouteFile): Finding[] {
  const { connectMs, firstTokenMs, silenceMs, totalMs } = deadlinesOf(backend, route);
  const findings: Finding[] = [];
  if (connectMs > firstTokenMs)
    findings.push({ path, reason: `connectMs (${connectMs}) is more than firstTokenMs (${firstTokenMs})` });
  if (firstTokenMs > totalMs)
    findings.push({ path, reason: `firstTokenMs (${firstTokenMs}) is more than totalMs (${totalMs})` });
  if (silenceMs > totalMs)
    findings.push({ path, reason: `silenceMs (${silenceMs}) is more than totalMs (${totalMs})` });
  return findings;
}

/** A name is a secret or a setting, not both: settings are shown, secrets are not. One variable has one default. */
function checkVariables(file: ConfigFile): Finding[] {
  const findings: Finding[] = [];
  const secrets = new Set<string>();
  for (const backend of Object.values(file.backends)) {
    if (backend.auth?.secret !== undefined) secrets.add(backend.auth.secret);
    for (const header of Object.values(backend.headers ?? {}))
      if (header.secret !== undefined) secrets.add(header.secret);
  }
  const settings = new Map<string, string>();
  const note = (path: Path, variable: string, meaning: string): void => {
    const before = settings.get(variable);
    if (secrets.has(variable)) findings.push({ path, reason: `${variable} is named as a secret elsewhere` });
    else if (before !== undefined && before !== meaning)
      findings.push({
        path,
        reason: `${variable} stands for something else elsewhere (another default, or a URL and a model)`,
      });
    else settings.set(variable, meaning);
  };
  for (const [name, { baseUrl }] of Object.entries(file.backends)) {
    if (baseUrl?.env !== undefined) note(["backends", name, "baseUrl", "env"], baseUrl.env, `url ${baseUrl.default}`);
  }
  for (const [alias, route] of Object.entries(file.routes)) {
    for (const { model, list, index } of candidatesOf(route)) {
      if (model.env !== undefined)
        note(["routes", alias, list, index, "model", "env"], model.env, `model ${model.default}`);
    }
  }
  return findings;
}

function checkRoute(alias: string, route: RouteFile, file: ConfigFile): Finding[] {
  const findings: Finding[] = [];
  const at = ["routes", alias];
  const operation = route.operation ?? "chat";
  const seen = new Map<string, string>();
  const candidates = candidatesOf(route);
  for (const candidate of candidates) {
    const path = [...at, candidate.list, candidate.index];
    const name = nameInFile(candidate.model);
    const backend = Object.hasOwn(file.backends, candidate.backend) ? file.backends[candidate.backend] : undefined;
    if (backend === undefined) {
      findings.push({ path: [...path, "backend"], reason: missing("backend", candidate.backend, file.backends) });
      continue;
    }
    const identity = `${candidate.backend} ${name}`;
    const twin = seen.get(identity);
    if (twin !== undefined) findings.push({ path, reason: `is the same backend and model as ${twin}` });
    seen.set(identity, `${candidate.list}[${candidate.index}]`);
    if (formatFor(backend, operation) === undefined) {
      findings.push({
        path: [...path, "backend"],
        reason: `"${candidate.backend}" speaks ${backend.formats.join(", ")}, none of which can ${operation}`,
      });
    }
    if (priceOf(candidate, backend) === undefined) {
      findings.push({
        path: [...path, "model"],
        reason: `no price is known for "${name}"; give it under backends.${candidate.backend}.models, or here`,
      });
    }
    findings.push(...(route.deadlines ? checkDeadlines([...at, "deadlines"], backend, route) : []));
    findings.push(...checkContext([...at, "maxOutputTokens"], route, name, contextOf(candidate, backend)));
    findings.push(...checkReach(at, route, candidate.list, candidates.length, backend));
  }
  findings.push(...checkRules(at, route, file.tiers), ...checkDegradation(at, route));
  if (operation !== "chat" && route.validateStructured !== undefined)
    findings.push({
      path: [...at, "validateStructured"],
      reason: `only chat has structured answers, not ${operation}`,
    });
  if (route.continueStreams !== undefined && !candidates.some(({ backend }) => canGoOn(file.backends[backend])))
    findings.push({
      path: [...at, "continueStreams"],
      reason: "none of its backends can go on from an assistant's words (quirks: vllm, assistant-prefill)",
    });
  if ((operation === "embed" || operation === "rerank") && route.maxOutputTokens !== undefined) {
    const what = operation === "embed" ? "embeddings have" : "reranking has";
    findings.push({ path: [...at, "maxOutputTokens"], reason: `${what} no output tokens` });
  }
  findings.push(...checkExactTokens([...at, "exactTokens"], route, file));
  findings.push(...checkChain(at, route, file));
  return findings.filter(
    (finding, index) =>
      findings.findIndex((other) => other.reason === finding.reason && other.path.join() === finding.path.join()) ===
      index,
  );
}

/** Asked for, exactness must be possible: of a chat, and by at least one of the targets. */
function checkExactTokens(path: Path, route: RouteFile, file: ConfigFile): Finding[] {
  if (route.exactTokens !== true) return [];
  if ((route.operation ?? "chat") !== "chat")
    return [{ path, reason: "only chats can be counted before they are sent" }];
  const canCount = route.targets.some(({ backend: name }) => {
    const backend = Object.hasOwn(file.backends, name) ? file.backends[name] : undefined;
    return backend !== undefined && formatFor(backend, "tokenize") !== undefined;
  });
  if (canCount) return [];
  return [
    { path, reason: "no target's backend can count; give it the format vllm-tokenize or anthropic-count-tokens" },
  ];
}

function checkContext(path: Path, route: RouteFile, name: string, context: number | undefined): Finding[] {
  const output = mostOutputTokens(route);
  if (context === undefined || output < context) return [];
  return [{ path, reason: `${output} leaves no room for input in the ${context} tokens that "${name}" can hold` }];
}

/** A target that may use up the whole delay budget leaves nothing for what stands behind it. */
function checkReach(at: Path, route: RouteFile, list: string, candidates: number, backend: BackendFile): Finding[] {
  const delayBudgetMs = route.delayBudgetMs ?? DEFAULT_ROUTE.delayBudgetMs;
  const { firstTokenMs } = deadlinesOf(backend, route);
  if (list !== "targets" || candidates < 2 || delayBudgetMs > firstTokenMs) return [];
  return [
    {
      path: [...at, "delayBudgetMs"],
      reason: `${delayBudgetMs} is not more than firstTokenMs (${firstTokenMs}), so a stalled target leaves no time for a fallback`,
    },
  ];
}

function checkQuarantine(file: ConfigFile): Finding[] {
  const longest = longestAnswerMs(file);
  if (file.budgetQuarantineMs === undefined || file.budgetQuarantineMs >= longest) return [];
  return [
    {
      path: ["budgetQuarantineMs"],
      reason: `is less than the longest answer (${longest} ms): money could be spent twice after Redis lost its data`,
    },
  ];
}

function canGoOn(backend: BackendFile | undefined): boolean {
  return backend?.quirks?.some((quirk) => quirk === "vllm" || quirk === "assistant-prefill") === true;
}

function checkRules(at: Path, { targets, rules, choose }: RouteFile, tiers: ConfigFile["tiers"]): Finding[] {
  const names = targets.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  const unnamed = targets.flatMap(({ name, weight }, index) =>
    weight === 0 && name === undefined
      ? [
          {
            path: [...at, "targets", index, "weight"],
            reason: "must be larger than 0, unless rules or a level of degradation use it by its name",
          },
        ]
      : [],
  );
  const unused = targets.every(({ weight }) => weight === 0);
  return [
    ...twice.map((name) => ({ path: [...at, "targets"], reason: `two targets are named "${name}"` })),
    ...unnamed,
    ...(unused ? [{ path: [...at, "targets"], reason: "need a weight above 0, one of them at least" }] : []),
    ...(rules ? readRules(rules, targetNames(targets), tiers).problems : []).map(({ path, reason }) => ({
      path: [...at, "rules", ...path],
      reason,
    })),
    ...(choose === undefined ? [] : readChoice(choose).problems).map(({ path, reason }) => ({
      path: [...at, "choose", ...path],
      reason,
    })),
  ];
}
