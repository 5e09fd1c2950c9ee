import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What becomes of a call to the first backend. Also the model's name at each contender. */
export const SITUATIONS = ["well", "refusing", "failing", "silent"] as const;
export type Situation = (typeof SITUATIONS)[number];

export interface PlayedBackends {
  /** Base URL of each first backend, without `/v1`. */
  readonly first: Readonly<Record<Situation, string>>;
  readonly second: string;
  /** Calls that the first backend got since `forget`; of a closed port nobody knows. */
  calls(situation: Situation): number | undefined;
  forget(): void;
  stop(): void;
}

const FRAMES = [{ role: "assistant", content: "" }, ...["Still", " here", "."].map((content) => ({ content }))].map(
  (delta) => frame({ delta, finish_reason: null }),
);
const ANSWER = [
  ...FRAMES,
  frame({ delta: {}, finish_reason: "stop" }),
  `data: ${JSON.stringify({ ...head(), choices: [], usage: { prompt_tokens: 8, completion_tokens: 3, total_tokens: 11 } })}\n\n`,
  "data: [DONE]\n\n",
].join("");

function head() {
  return { id: "chatcmpl-played", object: "chat.completion.chunk", created: 1, model: "played" };
}

function frame(choice: object): string {
  return `data: ${JSON.stringify({ ...head(), choices: [{ index: 0, ...choice }] })}\n\n`;
}

const BEHAVIOUR: Readonly<Record<Exclude<Situation, "refusing">, (response: ServerResponse) => void>> = {
  well: (response) => response.writeHead(200, { "content-type": "text/event-stream" }).end(ANSWER),
  failing: (response) =>
    response.writeHead(500, { "content-type": "application/json" }).end('{"error":{"message":"down"}}'),
  silent: () => undefined,
};

/** Played backends of OpenAI's format on loopback: first ones for each situation, and a second one that is well. */
export async function playBackends(): Promise<PlayedBackends> {
  const counts: Partial<Record<Situation, number>> = {};
  const servers: Server[] = [];
  const listening = async (behave: (response: ServerResponse) => void, counted?: Situation): Promise<string> => {
    const server = createServer((request, response) => {
      if (counted) counts[counted] = (counts[counted] ?? 0) + 1;
      request.resume();
      request.on("end", () => behave(response));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const refusing = await listening(() => undefined);
  servers.pop()?.close();
  return {
    first: {
      refusing,
      well: await listening(BEHAVIOUR.well, "well"),
      failing: await listening(BEHAVIOUR.failing, "failing"),
      silent: await listening(BEHAVIOUR.silent, "silent"),
    },
    second: await listening(BEHAVIOUR.well),
    calls: (situation) => (situation === "refusing" ? undefined : (counts[situation] ?? 0)),
    forget() {
      for (const situation of SITUATIONS) counts[situation] = 0;
    },
    stop() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}
