/**
 * What every client that is built on a provider's format must find behind the gateway, with each kind of backend, compared with what the backend
 * received. A client comes as a `Client`: its own package, unmodified, behind five verbs.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../src/core/json.ts";
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
  readonly name: string;
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
export const PNG = Buffer.from(
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

/** One stack, and all of it with every client and both formats of backends. */
export function clientSuite(clientsOf: (stack: TestStack) => readonly Client[], names: readonly string[]): void {
  let stack: TestStack;
  let clients: readonly Client[];
  beforeAll(async () => {
    stack = await startTestStack({ cron: false });
    clients = clientsOf(stack);
  });
  afterAll(() => stack?.stop());

  const calls = async (kind: BackendKind, text: string): Promise<readonly (readonly [Tally, ReceivedChat])[]> => {
    const found = await callsHolding(stack, text);
    return found.map((call) => [call, readReceived(kind.format, call.body)] as const);
  };
  const onlyCall = async (kind: BackendKind, text: string) => {
    const [first, ...more] = await calls(kind, text);
    expect(more).toEqual([]);
    return first as readonly [Tally, ReceivedChat];
  };
  const asked = (text: string): Told[] => [
    { by: "system", text: SYSTEM },
    { by: "user", text },
  ];

  describe.each(names)("%s", (name) => {
    const client = () => clients.find((one) => one.name === name) as Client;

    describe.each(KINDS.filter(({ alias }) => alias !== "cloud"))("with a backend like $alias", (kind) => {
      // planted: the system prompt left out of a translated body; usage left out of a translated answer
      test("a chat, whole and as a stream, says what the backend said", async () => {
        for (const way of ["chat", "stream"] as const) {
          const text = prompt("Which way to the open sea?");
          const said = await client()[way](question(kind, text));
          const [call, received] = await onlyCall(kind, text);
          expect(received).toEqual({ told: asked(text), tools: [], maxTokens: 200, temperature: 0.25 });
          expect(said.text).toMatch(/^Simulated answer/);
          if (way === "stream") expect(said.pieces).toBeGreaterThan(5);
          if (way === "stream" && !client().countsStreams) continue;
          expect([said.inputTokens, said.outputTokens]).toEqual([
            call.usageReported?.promptTokens,
            call.tokensGenerated,
          ]);
        }
      });

      // planted: the second call's index not counted up; results left out of the second turn
      test("tools: parallel calls in fragments, and a second turn with their results", async () => {
        const text = prompt("When may I sail? [[sim:tools=tide,wind]] [[sim:fragments=3]]");
        const { calls: made, text: answer } = await client().useTools(question(kind, text), TOOLS);
        expect(made.map((call) => call.name)).toEqual(["tide", "wind"]);
        expect(new Set(made.map(({ id }) => id)).size).toBe(2);
        const [first, second, ...more] = await calls(kind, text);
        expect(more).toEqual([]);
        const tools = TOOLS.map(({ run: _, ...offered }) => offered);
        expect(first?.[1]).toMatchObject({ told: asked(text), tools });
        expect(second?.[1].tools).toEqual(first?.[1].tools);
        expect(second?.[1].told).toEqual([
          ...asked(text),
          ...made.map((call) => ({ by: "assistant", call: call.id, name: call.name, input: call.input })),
          ...made.map(({ id, input }, index) => ({ by: "tool", result: id, text: TOOLS[index]?.run(input) })),
        ]);
        for (const { run } of TOOLS)
          expect(answer).toContain(run(made[TOOLS.findIndex((one) => one.run === run)]?.input).slice(0, 12));
      });

      // planted: the schema left out of a translated body
      test("structured output is an object of the schema that the backend was given", async () => {
        const text = prompt("How deep is it?");
        const object = (await client().structured(question(kind, text), SCHEMA)) as Record<string, unknown>;
        expect(new Set(Object.keys(object))).toEqual(new Set(["depth", "marks", "name"]));
        expect(Number.isInteger(object.depth)).toBe(true);
        const [, received] = await onlyCall(kind, text);
        const given = (received.textSchema ?? received.tools[0]?.schema) as { properties?: Json; required?: Json };
        expect(given.properties).toEqual(SCHEMA.properties);
        expect(given.required).toEqual(SCHEMA.required);
      });

      // planted: an image's media type left out
      test("an image arrives as it was sent, beside its text", async () => {
        const text = prompt("Which buoy is that?");
        const said = await client().chat(question(kind, text, { image: PNG }));
        const [, received] = await onlyCall(kind, text);
        expect(received.told).toEqual([
          { by: "system", text: SYSTEM },
          { by: "user", text },
          { by: "user", image: PNG.toString("base64"), mediaType: "image/png" },
        ]);
        expect(said.text).toContain("image/png");
      });

      // planted: a backend's 500 told as 502; the failure frame left out of a stream
      test("failures are errors of the package's own, whole and in a stream", async () => {
        for (const [fault, status] of [
          ["context-length", 400],
          ["server-error", 503],
        ] as const) {
          for (const way of ["chat", "stream"] as const) {
            const failing = client()[way](question(kind, prompt(`Fail. [[sim:fault=${fault}]]`)));
            const error = await failing.then(
              () => undefined,
              (thrown: unknown) => thrown,
            );
            expect(client().complaint(error)).toMatchObject({ status, ownClass: true });
          }
        }
        const unknown = await client()
          .chat({ ...question(kind, "x"), model: "nowhere" })
          .catch((thrown: unknown) => thrown);
        expect(client().complaint(unknown)).toMatchObject({ status: 404, ownClass: true });
        for (const fault of ["truncate,after=3,by=fin", "error-frame,after=3", "no-finish"]) {
          const text = prompt(`Break. [[sim:tokens=30]] [[sim:fault=${fault}]]`);
          await expect(client().stream(question(kind, text)), fault).rejects.toThrow();
        }
      });

      // planted: nobody listens to the departure, and the body's `cancel` does nothing
      test("abort in a stream stops the generation", async () => {
        const text = prompt("Tell me everything. [[sim:tokens=900]] [[sim:tps=40]]");
        const aborting = new AbortController();
        const streamed = client().stream(question(kind, text, { maxTokens: 900, signal: aborting.signal }), () =>
          aborting.abort(),
        );
        await streamed.catch(() => undefined);
        const call = await endedCall(stack, text, 2_000);
        expect(call.outcome).toBe("aborted");
        expect(call.tokensGenerated).toBeLessThan(150);
      });
    });
  });
}
