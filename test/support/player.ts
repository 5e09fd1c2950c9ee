import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { streamFixtures } from "../contract/wire/fixtures.ts";
import type { CallerFormat } from "./caller.ts";

/** What the player is told, in the prompt itself: which recorded stream, and what becomes of its bytes. */
export interface Recording {
  readonly format: CallerFormat;
  readonly fixture: string;
  /** Body bytes that are sent; all of them where absent. */
  readonly cut?: number;
  /** After them: a proper end (default), a FIN without the last chunk, an RST, or nothing at all with the connection open. */
  readonly by?: "clean" | "fin" | "reset" | "silence";
  /** Before an RST, so that the receiver can read what came before. */
  readonly lingerMs?: number;
  /** Where the bytes are parted into writes of their own; `every: 1` parts at each byte. */
  readonly at?: number;
  readonly every?: number;
  /** Makes a prompt unlike another that plays the same. */
  readonly salt?: string;
}

export interface Player {
  readonly url: string;
  /** Calls that it got. */
  readonly calls: () => number;
  close(): Promise<void>;
}

export const promptOf = (recording: Recording): string => `Play ${JSON.stringify(recording)}`;

const fixtures = new Map(
  (["openai-chat", "anthropic-messages"] as const).flatMap((format) =>
    streamFixtures(format).map(({ name, bytes }) => [`${format}/${name}`, bytes] as const),
  ),
);

/** A backend on loopback that plays recorded streams on a real socket, whatever it is asked. */
export async function startPlayer(): Promise<Player> {
  let calls = 0;
  const server = createServer((request, response) => {
    calls++;
    perform(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls: () => calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function perform(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  const { messages } = JSON.parse(text) as { messages: { content: string | { text: string }[] }[] };
  const content = messages.at(-1)?.content ?? "";
  const prompt = typeof content === "string" ? content : content.map((part) => part.text).join("");
  const recording = JSON.parse(prompt.slice("Play ".length)) as Recording;
  const bytes = fixtures.get(`${recording.format}/${recording.fixture}`);
  if (!bytes) throw new Error(`no recording ${recording.fixture}`);
  const body = bytes.subarray(0, recording.cut);
  response.socket?.setNoDelay(true);
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.flushHeaders();
  for (const part of partsOf(body, recording)) {
    await new Promise<void>((resolve) => response.write(part, () => setImmediate(resolve)));
  }
  if (recording.by === undefined || recording.by === "clean") return void response.end();
  if (recording.by === "silence") return;
  if (recording.by === "reset") {
    await pause(recording.lingerMs ?? 20);
    response.socket?.resetAndDestroy();
  } else response.socket?.destroySoon();
}

function partsOf(body: Uint8Array, { at, every }: Recording): Uint8Array[] {
  if (at !== undefined) return [body.subarray(0, at), body.subarray(at)].filter(({ length }) => length > 0);
  const size = every ?? Math.max(1, body.length);
  return Array.from({ length: Math.ceil(body.length / size) }, (_, index) =>
    body.subarray(index * size, (index + 1) * size),
  );
}
