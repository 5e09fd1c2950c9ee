import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wires } from "../../../src/wire/registry.ts";

const encoder = new TextEncoder();

/** A frame as vLLM writes it, with `delta` and what follows it put in as text. */
const chunk = (delta: string, finish = "null", more = "") =>
  encoder.encode(
    `data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]${more}}\n\n`,
  );

/** A reader that has learned what a plain frame looks like. */
function taught() {
  const reader = wires["openai-chat"].decodeStream();
  reader.push(chunk('{"role":"assistant","content":""}'));
  reader.push(chunk('{"content":"learn"}'));
  return reader;
}

/** Counts what is parsed. */
function parsesDuring(run: () => void): number {
  const parse = JSON.parse;
  let calls = 0;
  JSON.parse = (...args) => {
    calls++;
    return parse(...args);
  };
  try {
    run();
  } finally {
    JSON.parse = parse;
  }
  return calls;
}

describe("plain frames", () => {
  // planted: the last frame of several read only up to the line end that a next byte would have to confirm
  it.each(["\n\n", "\r\n\r\n", "\r\r", "\n\r"])("that lie side by side keep each its text, ended by %j", (end) => {
    const frame = (content: string) =>
      `data: {"id":"c","choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}]}${end}`;
    const reader = wires["openai-chat"].decodeStream();
    reader.push(encoder.encode(frame("learn")));
    const frames = reader.push(encoder.encode([" one", " two", " three", " four"].map(frame).join("")));
    const texts = frames.flatMap((some) => some.events()).flatMap((event) => (event.type === "text" ? event.text : []));
    expect(texts.join("")).toContain(" one two three");
  });

  // planted: every frame parsed
  it("are not parsed before somebody asks for their events", () => {
    const reader = taught();
    const frames: ReturnType<typeof reader.push>[number][] = [];
    const texts = ["a", " é🌊", '\\"quoted\\"', "\\n\\\\", "\\u00e9", "", "finish_reason"];
    expect(
      parsesDuring(() => frames.push(...texts.flatMap((text) => [...reader.push(chunk(`{"content":"${text}"}`))]))),
    ).toBe(0);
  });

  // planted: the run not ended by a frame that is notable; the carried frame taken for a neighbour
  it("that lie side by side are handed on as one, up to the next that is not", () => {
    const reader = taught();
    const [first, second, third] = ["a", "b", "c"].map((text) => chunk(`{"content":"${text}"}`));
    const last = chunk("{}", '"stop"');
    const bytes = Buffer.concat([first, second, last, third].filter((one) => one !== undefined));
    const cut = 7;
    const frames = [...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))];
    // The first was carried over from another chunk, so its bytes lie elsewhere.
    expect(frames.map(({ count }) => count)).toEqual([1, 1, 1, 1]);
    const whole = taught().push(bytes);
    expect(whole.map(({ count, notable }) => [count, notable])).toEqual([
      [2, false],
      [1, true],
      [1, false],
    ]);
    expect(whole[0]?.events()).toMatchObject([{ text: "a" }, { text: "b" }]);
    expect(Buffer.concat(whole.map(({ raw }) => raw)).equals(bytes)).toBe(true);
  });

  // planted: the tail of the template not compared; an escape taken for the end of the string
  it.each([
    ["a finish", chunk('{"content":"x"}', '"stop"')],
    ["usage", chunk('{"content":"x"}', "null", ',"usage":{"prompt_tokens":1}')],
    ["an error", chunk('{"content":"x"}', "null", ',"error":{"message":"no"}')],
    ["another choice", chunk('{"content":"x"},"index":1')],
    ["a second field behind the text", chunk('{"content":"x","tool_calls":[{"id":"a","function":{"name":"f"}}]}')],
    ["a raw line feed in the text, which is not JSON", encoder.encode('data: {"content":"a\rb"}\n\n')],
    ["an escape that JSON does not know", chunk('{"content":"\\x"}')],
    ["half an escape", chunk('{"content":"\\u00e"}')],
    ["the end", encoder.encode("data: [DONE]\n\n")],
    ["an error frame", encoder.encode('data: {"error":{"message":"no"}}\n\n')],
  ])("are not what a frame with %s is", (_, bytes) => {
    const [frame] = taught().push(bytes);
    const types = frame?.events().map((event) => event.type) ?? [];
    expect(frame?.notable || types.every((type) => type === "text")).toBe(true);
    expect(frame?.notable).toBe(!(types.length > 0 && types.every((type) => type === "text")));
  });

  it("are told alike whether they were learned or not, for any frame", () => {
    const piece = fc.constantFrom(
      '"',
      "\\",
      '"finish_reason":"stop"',
      "usage",
      ":",
      "{",
      "}",
      ",",
      "é",
      "x",
      '\\"',
      "null",
      "\\u12",
      "]",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const bytes = chunk(`{"content":"${pieces.join("")}"}`);
        const fresh = wires["openai-chat"].decodeStream();
        fresh.push(chunk('{"role":"assistant","content":""}'));
        const [one] = taught().push(bytes);
        const [other] = fresh.push(bytes);
        expect(one?.events()).toEqual(other?.events());
        // A piece of no text is plain to who knows the pattern, and nothing to who does not: both may pass unread.
        if (other?.events().length !== 0) expect(one?.notable).toBe(other?.notable);
      }),
      { numRuns: 2000 },
    );
  });

  it("are learned anew where a field changes from chunk to chunk, and given up where it always does", () => {
    const reader = wires["openai-chat"].decodeStream();
    const frame = (id: number) =>
      encoder.encode(`data: {"id":"${id}","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n`);
    reader.push(frame(0));
    const calls = parsesDuring(() => {
      for (let id = 1; id <= 200; id++) reader.push(frame(id));
    });
    // One parse a frame, and one more for each of a few lessons.
    expect(calls).toBeLessThan(200 + 20);
  });

  it("of two kinds and of padded frames are told apart by bytes as well", () => {
    const reader = wires["anthropic-messages"].decodeStream();
    const frame = (kind: string, text: string, pad: string) =>
      encoder.encode(
        `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"${kind}_delta","${kind}":"${text}"}${pad}}\n\n`,
      );
    reader.push(frame("thinking", "a", ""));
    reader.push(frame("text", "a", "   "));
    expect(
      parsesDuring(() => {
        for (const pad of ["", " ", "          "]) {
          const frames = [...reader.push(frame("text", "b", pad)), ...reader.push(frame("thinking", "c", pad))];
          expect(frames.every((one) => !one.notable)).toBe(true);
        }
      }),
    ).toBe(0);
  });
});

describe("plain frames of a format that counts its frames", () => {
  const counted = (number: string, delta: string) =>
    encoder.encode(
      `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":${number},"output_index":0,"content_index":0,"delta":"${delta}"}\n\n`,
    );

  function counting() {
    const reader = wires["openai-responses"].decodeStream();
    reader.push(counted("4", "learn"));
    return reader;
  }

  // planted: numbers not among what may differ
  it("are not parsed, whatever their number", () => {
    const reader = counting();
    const numbers = ["5", "0", "10", "99999"];
    expect(parsesDuring(() => numbers.forEach((number) => void reader.push(counted(number, "x"))))).toBe(0);
  });

  // planted: any run of digits, even none, taken for a number
  it.each(["", "-1", "01", "1.5", "1e3", '"1"', "null", '5,"type":"error"'])(
    "are not what a number like %s is in",
    (number) => {
      const reader = counting();
      expect(parsesDuring(() => void reader.push(counted(number, "x")))).toBeGreaterThan(0);
    },
  );
});
