/** What a caller can do. */
import { drip, pour, type RawRequest } from "../../test/support/raw-http.ts";
import type { Behaviour, Column, Fault, Leave, Sight } from "../types.ts";
import { ANSWER, always, LEFT, ONLY_LEAVES, RAN_ON, refused, UNHEARD } from "./sights.ts";

type Body = Readonly<Record<string, unknown>>;

const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** A request of which the body is other bytes than it should be. */
const bytes =
  (make: (text: string, column: Column) => Uint8Array | string): NonNullable<Behaviour["raw"]> =>
  (column, body) => {
    const made = make(JSON.stringify(body), column);
    return { head: [`Content-Length: ${Buffer.byteLength(made)}`], body: made };
  };

/** A request whose length is not what it seems. */
const framed =
  (make: (text: string) => RawRequest): NonNullable<Behaviour["raw"]> =>
  (_, body) =>
    make(JSON.stringify(body));

/** Where a format keeps what is said. */
const SAID: Readonly<Record<Column["format"], string>> = {
  "openai-chat": "messages",
  "anthropic-messages": "messages",
  "openai-responses": "input",
  "openai-completions": "prompt",
};

interface BadInput {
  readonly id: string;
  readonly title: string;
  readonly status: number;
  readonly names?: string;
  readonly otherwise?: Sight;
  readonly client: Behaviour;
}

const BAD_INPUT: readonly BadInput[] = [
  {
    id: "utf8",
    title: "invalid UTF-8",
    status: 400,
    client: { raw: bytes((text) => Buffer.from(text.replace("Tell", "\xff\xfe"), "latin1")) },
  },
  {
    id: "deep",
    title: "depth 100,000",
    status: 400,
    client: {
      raw: bytes(
        (_, { format }) => `{"model":"home-first","${SAID[format]}":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      ),
    },
  },
  {
    id: "twice",
    title: "a key twice",
    status: 400,
    names: "model",
    client: { raw: bytes((text) => `{"model":"dead-first",${text.slice(1)}`) },
  },
  {
    id: "wrong-type",
    title: "a field of the wrong type",
    status: 400,
    names: "temperature",
    client: { edit: (body) => ({ ...body, temperature: "hot" }) },
  },
  {
    id: "no-model",
    title: "no model",
    status: 400,
    names: "model",
    client: { edit: ({ model: _, ...rest }: Body) => rest },
  },
  { id: "list", title: "a list for a body", status: 400, client: { raw: bytes(() => "[]") } },
  { id: "nothing", title: "an empty body", status: 400, client: { raw: bytes(() => "") } },
  {
    id: "huge",
    title: "50 MiB, and says so",
    status: 413,
    client: {
      raw: framed(() => ({
        head: [`Content-Length: ${50 * 1_048_576}`],
        body: (socket) => pour(socket, Buffer.alloc(1_048_576, 0x20), 50),
      })),
    },
  },
  {
    id: "huge-chunked",
    title: "endless, in large chunks",
    status: 413,
    // On a busy machine the time that such a body has is over before its bytes are.
    otherwise: refused(400, "caller_bad_request"),
    client: {
      raw: framed(() => ({
        head: ["Transfer-Encoding: chunked"],
        body: (socket) => pour(socket, chunk(" ".repeat(65_536))),
      })),
    },
  },
  {
    id: "drip",
    title: "endless, a byte a second",
    status: 400,
    client: {
      raw: framed(() => ({
        head: ["Transfer-Encoding: chunked"],
        body: (socket) => drip(socket, chunk(" ").repeat(60), 1_000, chunk(" ").length),
      })),
    },
  },
  {
    id: "short",
    title: "shorter than it says, then closed",
    status: 400,
    client: {
      raw: framed((text) => ({
        head: [`Content-Length: ${Buffer.byteLength(text) + 100}`],
        body: (socket) => socket.end(text),
      })),
    },
  },
  {
    id: "long",
    title: "longer than it says",
    status: 400,
    client: { raw: framed((text) => ({ head: [`Content-Length: ${Buffer.byteLength(text) - 10}`], body: text })) },
  },
  {
    id: "no-chunk-size",
    title: "a chunk without a size",
    status: 400,
    client: {
      raw: framed((text) => ({ head: ["Transfer-Encoding: chunked"], body: `zz\r\n${text}\r\n0\r\n\r\n` })),
    },
  },
];

/** Hangs up as soon as everything is sent. */
const AT_ONCE: Leave = { at: 5, how: "reset" };

const input = ({ id, title, status, names = "", otherwise, client }: BadInput): Fault => {
  const refusal = refused(status, status === 413 ? "caller_body_too_large" : "caller_bad_request", names);
  const sights = otherwise ? [refusal, otherwise] : [refusal];
  // The refusal may be quicker than the departure.
  return {
    id,
    title,
    client,
    group: "client",
    stays: always(...sights),
    departure: AT_ONCE,
    leaves: [UNHEARD, ...sights],
  };
};

const departure = (id: string, title: string, leaves: Leave, rest: Partial<Fault> = {}): Fault => ({
  id,
  title,
  group: "client",
  client: { leaves },
  stays: always(),
  leaves: [LEFT],
  gaps: [ONLY_LEAVES],
  ...rest,
});

const NO_BODY_YET = {
  where: { stream: false },
  why: "JSON comes in one piece: its first byte is as good as its last",
} as const;

export const CLIENT_FAULTS: readonly Fault[] = [
  departure(
    "leaves-early",
    "resets before the first byte",
    { at: 400, how: "reset" },
    { pacing: "[[sim:ttft=1200]][[sim:tokens=30]]" },
  ),
  // A plain workerd tells of a quiet close only when a write fails: who waits for JSON is not missed, and its answer is made and booked.
  departure(
    "closes-early",
    "closes before the first byte",
    { at: 400, how: "close" },
    {
      pacing: "[[sim:ttft=700]][[sim:tokens=40]][[sim:tps=60]]",
      leavesJson: [LEFT, RAN_ON],
    },
  ),
  departure(
    "leaves-late",
    "resets after the first byte",
    { at: "first byte", how: "reset" },
    { gaps: [ONLY_LEAVES, NO_BODY_YET] },
  ),
  departure(
    "closes-late",
    "closes after the first byte",
    { at: "first byte", how: "close" },
    { gaps: [ONLY_LEAVES, NO_BODY_YET] },
  ),
  {
    id: "slow-reader",
    title: "reads slowly",
    group: "client",
    client: { pausesMs: 600 },
    pacing: "[[sim:tokens=120]][[sim:tps=80]]",
    stays: always(ANSWER),
    leaves: [LEFT],
    again: "as said",
  },
  {
    id: "chunked",
    title: "a chunked body that ends soon",
    group: "client",
    client: {
      raw: (_, body) => {
        const text = JSON.stringify(body);
        const half = Math.floor(text.length / 2);
        return {
          head: ["Transfer-Encoding: chunked"],
          body: `${chunk(text.slice(0, half))}${chunk(text.slice(half))}0\r\n\r\n`,
        };
      },
    },
    stays: always(ANSWER),
    leaves: [LEFT],
    gaps: [{ where: { client: "leaves" }, why: "the body has no part in what comes after it" }],
  },
  {
    id: "idempotency",
    title: "same Idempotency-Key, 3 at once",
    group: "client",
    client: { times: 3 },
    // The header is not acted on: each is a request of its own, and each is booked once.
    stays: always(ANSWER),
    leaves: [LEFT],
  },
  ...BAD_INPUT.map(input),
];
