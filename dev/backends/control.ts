import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "./body.ts";
import { MARKERS } from "./directives.ts";
import type { Door, DoorMode } from "./door.ts";
import { ADDRESS_FAULTS, FAULTS } from "./faults/table.ts";
import { isJsonObject, parseJson } from "./json.ts";
import type { Rule } from "./rules.ts";
import { type BackendState, changePacing, type PacingChange, resetState } from "./state.ts";

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

interface ControlCall {
  readonly json: unknown;
  readonly query: URLSearchParams;
  readonly state: BackendState;
  readonly door: Door;
}

type ControlRoute = (call: ControlCall) => Answer | Promise<Answer>;

const PACING_FIELDS = ["ttftMs", "tokensPerSecond", "maxNumSeqs", "maxQueued"] as const;
const DOOR_MODES: readonly DoorMode[] = ["open", "reset", "closed"];

function ok(json: unknown): Answer {
  return { status: 200, json };
}

function wrong(message: string): Answer {
  return { status: 400, json: { error: message } };
}

/** A rule as JSON: without a count it applies for ever. */
function ruleView({ remaining, ...rule }: Rule): Record<string, unknown> {
  return Number.isFinite(remaining) ? { ...rule, remaining } : rule;
}

function addRules({ json, state }: ControlCall): Answer {
  const rules = Array.isArray(json) ? json : [json];
  const added: Rule[] = [];
  for (const entry of rules) {
    const rule = state.rules.add(entry);
    if (typeof rule === "string") {
      for (const { id } of added) state.rules.remove(id);
      return wrong(rule);
    }
    added.push(rule);
  }
  return ok({ rules: added.map(ruleView) });
}

function removeRules({ query, state }: ControlCall): Answer {
  const id = query.get("id");
  if (id === null) state.rules.clear();
  else if (!state.rules.remove(Number(id))) return { status: 404, json: { error: `no rule ${id}` } };
  return ok({ rules: state.rules.list().map(ruleView) });
}

function pacingView({ pacing, seats }: BackendState): Required<PacingChange> {
  return { ...pacing, maxNumSeqs: seats.maxNumSeqs, maxQueued: seats.maxQueued };
}

function setPacing({ json, state }: ControlCall): Answer {
  if (!isJsonObject(json)) return wrong("pacing is an object");
  const change: PacingChange = {};
  for (const [key, value] of Object.entries(json)) {
    const field = PACING_FIELDS.find((name) => name === key);
    if (field === undefined) return wrong(`pacing has no "${key}"; it has ${PACING_FIELDS.join(", ")}`);
    if (typeof value !== "number" || !(value >= (field === "maxNumSeqs" ? 1 : 0)))
      return wrong(`${key} is a number of at least ${field === "maxNumSeqs" ? 1 : 0}`);
    change[field] = value;
  }
  changePacing(state, change);
  return ok(pacingView(state));
}

async function setDoor({ json, door }: ControlCall): Promise<Answer> {
  const mode = isJsonObject(json) ? DOOR_MODES.find((name) => name === json.mode) : undefined;
  if (!isJsonObject(json) || mode === undefined) return wrong(`mode is one of ${DOOR_MODES.join(", ")}`);
  const { forMs } = json;
  if (forMs !== undefined && (typeof forMs !== "number" || forMs < 0)) return wrong("forMs is a number of at least 0");
  await door.set(mode, forMs);
  return ok({ mode });
}

const CONTROL_ROUTES: Readonly<Record<string, ControlRoute>> = {
  "GET /sim": ({ state }) =>
    ok({
      simulated: true,
      name: state.options.name,
      markers: Object.fromEntries(Object.entries(MARKERS).map(([name, { summary }]) => [name, summary])),
      faults: Object.fromEntries(
        Object.entries(FAULTS).map(([name, { summary, parameters, outcome }]) => [
          name,
          { summary, parameters, outcome },
        ]),
      ),
      addressFaults: ADDRESS_FAULTS,
    }),
  "GET /sim/faults": ({ state }) => ok({ rules: state.rules.list().map(ruleView) }),
  "POST /sim/faults": addRules,
  "DELETE /sim/faults": removeRules,
  "GET /sim/pacing": ({ state }) => ok(pacingView(state)),
  "POST /sim/pacing": setPacing,
  "GET /sim/seats": ({ state: { seats } }) =>
    ok({ running: seats.runningSequences, waiting: seats.waiting.length, most: seats.most }),
  "POST /sim/door": setDoor,
  "POST /sim/reset": async ({ state, door }) => {
    resetState(state);
    await door.set("open");
    return ok({ reset: true });
  },
  "GET /sim/tally": ({ query, state }) => ok({ calls: state.tally.calls(query.get("request") ?? undefined) }),
  "DELETE /sim/tally": ({ state }) => {
    state.tally.clear();
    return ok({ calls: [] });
  },
};

/** Answers the control endpoints under `/sim`, which no key guards: they exist on loopback only. */
export async function control(
  request: IncomingMessage,
  response: ServerResponse,
  state: BackendState,
  door: Door,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://control.invalid");
  const route = CONTROL_ROUTES[`${request.method} ${url.pathname}`];
  const body = await readBody(request);
  if (body === undefined) return;
  const parsed = body === "too-large" ? undefined : parseJson(body.toString("utf8") || "{}");
  const answer = await answerOf(route, parsed, { query: url.searchParams, state, door });
  // Shutting the door closes the connection under its own answer; the control port keeps one that stays.
  if (response.destroyed) return;
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(JSON.stringify(answer.json));
}

async function answerOf(
  route: ControlRoute | undefined,
  parsed: { readonly value: unknown } | undefined,
  rest: Omit<ControlCall, "json">,
): Promise<Answer> {
  if (route === undefined)
    return { status: 404, json: { error: "no such control endpoint; GET /sim lists what there is" } };
  if (parsed === undefined) return wrong("the body is not JSON");
  return await route({ ...rest, json: parsed.value });
}
