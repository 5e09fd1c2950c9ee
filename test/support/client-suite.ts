/**
 * What every client that is built on a provider's format must find behind the gateway, with each kind of backend, compared with what the backend
 * received. A client comes as a `Client`: its own package, unmodified, behind a few verbs.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { type BackendKind, callsHolding, endedCall, KINDS, prompt } from "./received.ts";
import { type ReceivedChat, readReceived, type Told } from "./received-chat.ts";
import { startTestStack, type Tally, type TestStack } from "./stack.ts";

export interface Question {
  readonly model: string;
  readonly system: string;
  readonly text: string;
  readonly maxTokens: number;
  readonly temperature: number;
  /** A PNG that is shown beside the text. */
  readonly image?: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface Said {
  readonly text: string;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  /** Pieces of text that came one by one; 1 for an answer that came whole. */
  readonly pieces: number;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly schema: JsonObject;
  readonly run: (input: unknown) => string;
}

/** What an error of the package says of itself. */
export interface Complaint {
  readonly status: number | undefined;
  readonly message: string;
  /** Whether it is of the class that the package has for failed calls. */
  readonly ownClass: boolean;
}

export interface Client {
  /** Whether what it says of a stream's usage is what the stream said. */
  readonly countsStreams: boolean;
  chat(question: Question): Promise<Said>;
  /** `onPiece` is called with each piece of text. */
  stream(question: Question, onPiece?: () => void): Promise<Said>;
  /** Streams the calls, runs the tools, tells their results and streams the answer to that. */
  useTools(question: Question, tools: readonly Tool[]): Promise<{ calls: readonly ToolCall[]; text: string }>;
  /** An object of this schema, as the package asks for one. */
  structured(question: Question, schema: JsonObject): Promise<unknown>;
  complaint(error: unknown): Complaint;
}

const SYSTEM = "Answer as a harbour pilot would. 港";

/** One pixel. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

const tool = (name: string, description: string, field: string): Tool => ({
  name,
  description,
  schema: {
    type: "object",
    properties: { [field]: { type: "string", description: `The ${field} é🌊` } },
    required: [field],
    additionalProperties: false,
  },
  run: (input) => `${name} of ${JSON.stringify(input)} is "fine" 港`,
});
const TOOLS = [tool("tide", "When the tide turns.", "harbour"), tool("wind", "How the wind blows.", "sea")];

const SCHEMA: JsonObject = {
  type: "object",
  properties: {
    depth: { type: "integer" },
    name: { type: "string" },
    marks: { type: "array", items: { type: "string" } },
  },
  required: ["depth", "name", "marks"],
  additionalProperties: false,
};

const question = ({ alias }: BackendKind, text: string, more: Partial<Question> = {}): Question => ({
  model: alias,
  system: SYSTEM,
  text,
  maxTokens: 200,
  temperature: 0.25,
  ...more,
});

/** What leads to a client of a stack that runs already. */
export interface ClientOf {
  readonly name: string;
  readonly of: (stack: TestStack) => Client;
}

/** A stack of its own, everything below with each client, and `more` on the same stack. */
export function clientSuite(clients: readonly ClientOf[], more: (stackOf: () => TestStack) => void = () => {}): void {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack({ cron: false });
  });
  afterAll(() => stack?.stop());
  more(() => stack);

  describe.each(clients)("$name", ({ of }) => {
    describe.each(FORMATS)("with a backend like $alias", (kind) => {
      talks(() => stack, of, kind);
      carriesContent(() => stack, of, kind);
    });
  });
}

/** A backend of each format. */
export const FORMATS: readonly BackendKind[] = [
  ...KINDS.filter(({ alias }) => alias !== "cloud"),
  { alias: "responses", process: "cloud", model: "simulated-large", format: "responses", collects: false },
];

/** The calls that hold `text`, as the backend understood them, in order of arrival. */
export async function receivedChats(stack: TestStack, { format }: BackendKind, text: string) {
  const found = await callsHolding(stack, text);
  return found.map((call) => ({ call, chat: readReceived(format, call.body) }));
}

async function onlyChat(stack: TestStack, kind: BackendKind, text: string) {
  const [first, ...more] = await receivedChats(stack, kind, text);
  expect(more).toEqual([]);
  return first as { readonly call: Tally; readonly chat: ReceivedChat };
}

const asked = (text: string): Told[] => [
  { by: "system", text: SYSTEM },
  { by: "user", text },
];

/** Text, usage, failures, leaving. */
function talks(stackOf: () => TestStack, of: ClientOf["of"], kind: BackendKind): void {
  // planted: the system prompt left out of a translated body; usage left out of a translated answer
  test("a chat, whole and as a stream, says what the backend said", async () => {
    const client = of(stackOf());
    for (const way of ["chat", "stream"] as const) {
      const text = prompt("Which way to the open sea?");
      const said = await client[way](question(kind, text));
      const { call, chat } = await onlyChat(stackOf(), kind, text);
      expect(chat).toEqual({ told: asked(text), tools: [], maxTokens: 200, temperature: 0.25 });
      expect(said.text).toMatch(/^Simulated answer/);
      if (way === "stream") expect(said.pieces).toBeGreaterThan(5);
      if (way === "stream" && !client.countsStreams) continue;
      expect([said.inputTokens, said.outputTokens]).toEqual([call.usageReported?.promptTokens, call.tokensGenerated]);
    }
  });

  // planted: a backend's 500 told as 502; the failure frame left out of a stream
  test("failures are errors of the package's own, whole and in a stream", async () => {
    const client = of(stackOf());
    const complaintOf = async (failing: Promise<unknown>) =>
      client.complaint(
        await failing.then(
          () => undefined,
          (thrown: unknown) => thrown,
        ),
      );
    for (const [fault, status] of [
      ["context-length", 400],
      ["server-error", 503],
    ] as const) {
      for (const way of ["chat", "stream"] as const) {
        const failing = client[way](question(kind, prompt(`Fail. [[sim:fault=${fault}]]`)));
        expect(await complaintOf(failing)).toMatchObject({ status, ownClass: true });
      }
    }
    const unknown = client.chat({ ...question(kind, "x"), model: "nowhere" });
    expect(await complaintOf(unknown)).toMatchObject({ status: 404, ownClass: true });
    for (const fault of ["truncate,after=3,by=fin", "error-frame,after=3", "no-finish"]) {
      const text = prompt(`Break. [[sim:tokens=30]] [[sim:fault=${fault}]]`);
      await expect(client.stream(question(kind, text)), fault).rejects.toThrow();
    }
  });

  // planted: nobody listens to the departure, and the body's `cancel` does nothing
  test("abort in a stream stops the generation", async () => {
    const text = prompt("Tell me everything. [[sim:tokens=900]] [[sim:tps=40]]");
    const aborting = new AbortController();
    const long = question(kind, text, { maxTokens: 900, signal: aborting.signal });
    await of(stackOf())
      .stream(long, () => aborting.abort())
      .catch(() => undefined);
    const call = await endedCall(stackOf(), text, 2_000);
    expect(call.outcome).toBe("aborted");
    expect(call.tokensGenerated).toBeLessThan(150);
  });
}

/** Tools, structure, images. */
export function carriesContent(
  stackOf: () => TestStack,
  of: (stack: TestStack) => Pick<Client, "chat" | "useTools" | "structured">,
  kind: BackendKind,
): void {
  // planted: every call at one index; results left out of the second turn
  test("tools: parallel calls in fragments, and a second turn with their results", async () => {
    const text = prompt("When may I sail? [[sim:tools=tide,wind]] [[sim:fragments=3]]");
    const { calls, text: answer } = await of(stackOf()).useTools(question(kind, text), TOOLS);
    expect(calls.map((call) => call.name)).toEqual(["tide", "wind"]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    const [first, second, ...more] = await receivedChats(stackOf(), kind, text);
    expect(more).toEqual([]);
    const tools = TOOLS.map(({ run: _, ...offered }) => offered);
    expect(first?.chat).toMatchObject({ told: asked(text), tools });
    expect(second?.chat).toMatchObject({ tools });
    const results = calls.map(({ input }, index) => TOOLS[index]?.run(input) ?? "");
    expect(second?.chat.told).toEqual([
      ...asked(text),
      ...calls.map(({ id, name, input }) => ({ by: "assistant", call: id, name, input })),
      ...calls.map(({ id }, index) => ({ by: "tool", result: id, text: results[index] })),
    ]);
    // The simulated model repeats the beginnings of what its tools said.
    for (const result of results) expect(answer).toContain(result.slice(0, 12));
  });

  // planted: the schema left out of a translated body
  test("structured output is an object of the schema that the backend was given", async () => {
    const text = prompt("How deep is it?");
    const object = (await of(stackOf()).structured(question(kind, text), SCHEMA)) as Record<string, unknown>;
    expect(new Set(Object.keys(object))).toEqual(new Set(["depth", "marks", "name"]));
    expect(Number.isInteger(object.depth)).toBe(true);
    const { chat } = await onlyChat(stackOf(), kind, text);
    // Some ask for it by a tool that must be called.
    expect(chat.textSchema ?? chat.tools[0]?.schema).toMatchObject({
      properties: SCHEMA.properties,
      required: SCHEMA.required,
    });
  });

  // planted: an image's media type left out
  test("an image arrives as it was sent, beside its text", async () => {
    const text = prompt("Which buoy is that?");
    const said = await of(stackOf()).chat(question(kind, text, { image: PNG }));
    const { chat } = await onlyChat(stackOf(), kind, text);
    const image = { by: "user", image: PNG.toString("base64"), mediaType: "image/png" };
    expect(chat.told).toEqual([...asked(text), image]);
    expect(said.text).toContain("image/png");
  });
}
