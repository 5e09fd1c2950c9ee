import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { FAULTS } from "../../../dev/backends/faults/table.ts";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { type RawAnswer, rawPost } from "./raw-client.ts";
import { TIME_SCHEMA, WEATHER_SCHEMA } from "./sdk-kit.ts";

let backend: SimulatedBackend;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

/** Five tokens of reasoning, then two parallel calls: a fault after so many tokens stands in the one or the other. */
const REASONING_TOKENS = 5;
const PROMPT = `[[sim:reasoning=${REASONING_TOKENS}]][[sim:tools=get_weather,get_time]] go`;

const WIRES = {
  "OpenAI chat": {
    path: "/v1/chat/completions",
    body: {
      messages: [{ role: "user", content: PROMPT }],
      tools: [
        { type: "function", function: { name: "get_weather", parameters: WEATHER_SCHEMA } },
        { type: "function", function: { name: "get_time", parameters: TIME_SCHEMA } },
      ],
    },
    delta: /"arguments":"(?!")|"reasoning":"/g,
    end: "[DONE]",
  },
  "OpenAI Responses": {
    path: "/v1/responses",
    body: {
      input: PROMPT,
      tools: [
        { type: "function", name: "get_weather", parameters: WEATHER_SCHEMA },
        { type: "function", name: "get_time", parameters: TIME_SCHEMA },
      ],
    },
    delta: /"type":"response\.(function_call_arguments|reasoning_text)\.delta"/g,
    end: '"type":"response.completed"',
  },
  Anthropic: {
    path: "/anthropic/v1/messages",
    body: {
      max_tokens: 2000,
      messages: [{ role: "user", content: PROMPT }],
      tools: [
        { name: "get_weather", input_schema: WEATHER_SCHEMA },
        { name: "get_time", input_schema: TIME_SCHEMA },
      ],
    },
    delta: /"type":"(thinking_delta|input_json_delta)"/g,
    end: '"type":"message_stop"',
  },
} as const;
type WireName = keyof typeof WIRES;
const NAMES = Object.keys(WIRES) as WireName[];

function ask(wire: WireName, fault: string): Promise<RawAnswer> {
  const { path, body } = WIRES[wire];
  const headers = { "anthropic-version": "2023-06-01", "x-request-id": "one" };
  const model = fault === "" ? "simulated-small" : `simulated-small!${fault}`;
  return rawPost(backend.url, { path, headers, body: { ...body, model, stream: true }, patienceMs: 400 });
}

function deltasIn(wire: WireName, answer: RawAnswer): number {
  return answer.body.toString("utf8").match(WIRES[wire].delta)?.length ?? 0;
}

const PLACES = [
  ["reasoning", 3],
  ["tool input", REASONING_TOKENS + 4],
] as const;
const CASES = NAMES.flatMap((wire) => PLACES.map(([place, after]) => ({ wire, place, after })));

// planted: a cut after so many tokens counted the opening of a call as one
test.each(CASES)(
  "$wire: cuts, resets, errors and stalls in the $place come after exactly so many tokens",
  async ({ wire, after }) => {
    for (const fault of [
      `truncate,after=${after}`,
      `truncate,after=${after},by=reset`,
      `error-frame,after=${after}`,
      `stall-mid-stream,after=${after}`,
    ]) {
      const answer = await ask(wire, fault);
      expect(deltasIn(wire, answer), fault).toBe(after);
      const isError = fault.startsWith("error-frame");
      expect(/^(event: error$|data: \{"error")/m.test(answer.body.toString("utf8")), fault).toBe(isError);
      expect(answer.endedBy).toBe(fault.includes("reset") ? "reset" : fault.startsWith("stall") ? "timeout" : "fin");
    }
  },
);

// planted: a malformed frame was always at the fourth place
test.each(CASES)(
  "$wire: a malformed frame stands between the frames of the $place, and the rest follows",
  async ({ wire, after }) => {
    const whole = await ask(wire, "");
    const answer = await ask(wire, `malformed-frame,after=${after},kind=text`);
    const [before = "", rest = ""] = answer.body.toString("utf8").split("data: this is not JSON\n\n");
    expect(before.match(WIRES[wire].delta)).toHaveLength(after);
    expect(rest.match(WIRES[wire].delta)).toHaveLength(deltasIn(wire, whole) - after);
    expect(rest).toContain(WIRES[wire].end);
  },
);

// planted: the last event of Responses was not repeated
test.each(NAMES)("%s: endings of a stream of calls: twice, none, data after it, no usage, no finish", async (wire) => {
  const count = async (fault: string, what: string) =>
    (await ask(wire, fault)).body.toString("utf8").split(what).length - 1;
  expect(await count("", WIRES[wire].end)).toBe(1);
  expect(await count("duplicate-done", WIRES[wire].end)).toBe(2);
  expect(await count("data-after-done", "late text")).toBe(1);
  expect(await count("no-usage", '"output_tokens":')).toBe(0);
  const finish = {
    "OpenAI chat": '"finish_reason":"tool_calls"',
    "OpenAI Responses": "response.completed",
    Anthropic: '"stop_reason":"tool_use"',
  };
  expect(await count("", finish[wire])).toBeGreaterThan(0);
  expect(await count("no-finish", finish[wire])).toBe(0);
});

// planted: prepare of tool-call-fragments replaced the tools that were asked for
test.each(NAMES)("%s: every fault works while calls stream and never breaks the simulator", async (wire) => {
  const slow = new Set(["slow-headers", "never-answers", "giant-frame"]);
  for (const name of Object.keys(FAULTS).filter((fault) => !slow.has(fault))) {
    const answer = await ask(wire, name);
    expect(answer.status === undefined ? name : answer.status, name).toBe(name === "refuse" ? "refuse" : answer.status);
    const record = backend.tally("one").at(-1);
    expect(record?.faults, name).toEqual([name]);
    expect(record?.toolsCalled, name).toEqual(["get_weather", "get_time"]);
  }
});
