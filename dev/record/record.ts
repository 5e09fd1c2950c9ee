import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readBackend } from "../../src/config/environment.ts";
import type { Backend, BaseConfig } from "../../src/core/config.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { Wire } from "../../src/core/wire.ts";
import { parseBody } from "../../src/lib/json.ts";
import { collector } from "../../src/wire/collect.ts";
import { maskForCaller } from "../../src/wire/mask.ts";
import { wires } from "../../src/wire/registry.ts";
import { FEATURES } from "./features.ts";
import { redact } from "./redact.ts";

export interface RecordOrder {
  readonly backend: string;
  readonly config: BaseConfig;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Default: the first one that a route asks this backend for. */
  readonly model?: string;
  /** Default: all of them. */
  readonly features?: readonly string[];
  /** The folder with one folder a format. */
  readonly into: string;
}

export interface Recorded {
  readonly feature: string;
  /** The files that were written, or why none was. */
  readonly outcome: { readonly files: readonly string[] } | { readonly problem: string };
}

/** Why nothing can be recorded, in one line for the person who asked. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

const WITHIN_MS = 120_000;

/**
 * Asks a real backend for a stream of each feature, in each format of chats that it speaks, and writes what came and what it means as fixtures named
 * `<backend>-<feature>`. What the bytes mean is what this gateway reads in them: the difference is to be read before it is kept.
 */
export async function record(order: RecordOrder): Promise<readonly Recorded[]> {
  const { config, features = Object.keys(FEATURES) } = order;
  const backend = config.backends[order.backend];
  if (!backend)
    throw new RecordError(
      `no backend ${order.backend} in the configuration: ${Object.keys(config.backends).join(", ")}`,
    );
  const unknown = features.find((feature) => !Object.hasOwn(FEATURES, feature));
  if (unknown !== undefined) throw new RecordError(`no feature ${unknown}: ${Object.keys(FEATURES).join(", ")}`);
  const access = accessTo(backend, order.environment);
  const model = order.model ?? modelOf(config, order);
  const recorded: Recorded[] = [];
  for (const wire of backend.formats.map((name) => wires[name])) {
    if (wire.operation !== "chat" || !wire.streams) continue;
    for (const feature of features)
      recorded.push({ feature, outcome: await recordOne({ order, backend, access, model, wire, feature }) });
  }
  return recorded;
}

interface Access {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

function accessTo(backend: Backend, environment: RecordOrder["environment"]): Access {
  const variables = new Map(
    Object.entries(environment).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()] as const] : [])),
  );
  const problems: { readonly name: string; readonly reason: string }[] = [];
  const { access, missing } = readBackend(backend, variables, problems);
  const [problem] = problems;
  if (problem) throw new RecordError(`${problem.name} ${problem.reason}`);
  if (!access) throw new RecordError(`${missing.join(" and ")} is not set: backend ${backend.name} cannot be asked`);
  const secretNames = [
    backend.auth.secret,
    ...Object.values(backend.headers).map((header) => ("secret" in header ? header.secret : undefined)),
  ];
  const secrets = secretNames.flatMap((name) => variables.get(name ?? "") ?? []);
  return { ...access, secrets };
}

function modelOf({ routes }: BaseConfig, { backend, environment }: RecordOrder): string {
  const targets = Object.values(routes)
    .filter(({ operation }) => operation === "chat")
    .flatMap((route) => [...route.targets, ...route.fallbacks]);
  const target = targets.find((one) => one.backend === backend);
  if (!target) throw new RecordError(`no route asks ${backend} for a chat: name the model with --model`);
  return "name" in target.model ? target.model.name : environment[target.model.env] || target.model.default;
}

interface Wanted {
  readonly order: RecordOrder;
  readonly backend: Backend;
  readonly access: Access;
  readonly model: string;
  readonly wire: Wire;
  readonly feature: string;
}

async function recordOne(wanted: Wanted): Promise<Recorded["outcome"]> {
  const { order, backend, access, wire, feature } = wanted;
  const request = requestFor(wanted);
  if ("problem" in request) return request;
  const response = await fetch(access.baseUrl + request.path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      "accept-encoding": "identity",
      ...access.headers,
      ...request.headers,
    },
    body: request.body,
    redirect: "manual",
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  const text = await response.text();
  if (!response.ok) return { problem: `answered ${response.status}: ${maskForCaller(text)}` };
  const bytes = redact(text, { host: new URL(access.baseUrl).host, secrets: access.secrets });
  const folder = join(order.into, wire.name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${backend.name}-${feature}`);
  writeFileSync(`${file}.sse`, bytes);
  writeFileSync(`${file}.json`, `${JSON.stringify(meaningOf(wire, bytes), null, 2)}\n`);
  return { files: [`${file}.sse`, `${file}.json`] };
}

function requestFor({ wire, feature, model, backend }: Wanted) {
  const asked: JsonObject = { model, stream: true, ...FEATURES[feature] };
  const parsed = parseBody(new TextEncoder().encode(JSON.stringify(asked)));
  if (!parsed.ok) return { problem: parsed.problem };
  const draft = wires["openai-chat"].decodeRequest(parsed.body);
  if (!draft.ok) return { problem: draft.failure.message };
  const encoded = wire.encodeRequest({
    draft: draft.value,
    body: parsed.body,
    clientWire: "openai-chat",
    model,
    stream: true,
    quirks: new Set(backend.quirks),
    ...(typeof asked.max_tokens === "number" && { maxOutputTokens: asked.max_tokens }),
  });
  return encoded.ok ? encoded.value : { problem: encoded.failure.message };
}

/** As the contract suite wants it beside the bytes. */
function meaningOf(wire: Wire, text: string): object {
  const frames = wire.decodeStream().push(new TextEncoder().encode(text));
  const events = frames.flatMap((frame) => [...frame.events()]);
  const collected = collector(1);
  for (const event of events) collected.push(event);
  const result = collected.result();
  return {
    terminals: frames.filter((frame) => frame.terminal).length,
    plainFrames: frames.filter((frame) => !frame.notable).length,
    events,
    ...(result.ok ? { answer: result.value } : { failure: result.failure }),
  };
}
