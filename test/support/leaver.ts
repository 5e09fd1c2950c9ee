import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";

/** A reply under way on a socket of its own, whose client reads as it likes and leaves when it likes. */
export interface RunningReply {
  readonly status: number;
  readonly requestId: string;
  readonly headers: IncomingMessage["headers"];
  /** Resolves when so many body bytes have come, or with the body's end. */
  read(bytes: number): Promise<string>;
  /** Everything to the end; rejects where the connection breaks off. */
  rest(): Promise<string>;
  /** Stops taking bytes from the socket. */
  pause(): void;
  resume(): void;
  /** `close`: an orderly FIN; `reset`: RST. */
  leave(how?: "close" | "reset"): void;
}

export interface PendingReply {
  readonly reply: Promise<RunningReply>;
  leave(how?: "close" | "reset"): void;
}

/** Sends a JSON body; the reply is the caller's to read. Nothing is read before it is asked for. */
export function open(url: string, body: unknown, headers: Readonly<Record<string, string>>): PendingReply {
  const text = JSON.stringify(body);
  const sent: ClientRequest = httpRequest(url, {
    method: "POST",
    agent: false,
    headers: { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...headers },
  });
  const leave = (how: "close" | "reset" = "close") => {
    if (how === "reset") sent.socket?.resetAndDestroy();
    else sent.destroy();
  };
  const reply = new Promise<RunningReply>((resolve, reject) => {
    sent.once("error", reject);
    sent.once("response", (response) => resolve(running(response, leave)));
  });
  reply.catch(() => undefined);
  sent.end(text);
  return { reply, leave };
}

function running(response: IncomingMessage, leave: RunningReply["leave"]): RunningReply {
  let text = "";
  let ended = false;
  let broken = false;
  let wake: () => unknown = () => undefined;
  response.setEncoding("utf8");
  response.on("data", (piece: string) => {
    text += piece;
    wake();
  });
  response.once("end", () => {
    ended = true;
    wake();
  });
  response.once("error", () => {
    broken = true;
    wake();
  });
  response.once("close", () => {
    broken ||= !ended;
    wake();
  });
  response.pause();
  const until = async (isEnough: () => boolean) => {
    response.resume();
    while (!isEnough() && !ended && !broken) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return text;
  };
  return {
    status: response.statusCode ?? 0,
    requestId: String(response.headers["x-request-id"] ?? ""),
    headers: response.headers,
    read: (bytes) => until(() => Buffer.byteLength(text) >= bytes),
    async rest() {
      await until(() => false);
      if (broken && !ended) throw new Error(`the connection broke off behind: ${text.slice(-200)}`);
      return text;
    },
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    leave,
  };
}
