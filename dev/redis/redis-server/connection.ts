import { connect, type NetConnectOpts, type Socket } from "node:net";
import { type Command, ErrorReply, type Reply, StartError } from "../protocol.ts";
import { encodeCommand, ReplyReader } from "./resp.ts";

/** Where a Redis listens and what it wants to hear first. */
export interface RedisAddress {
  readonly socket: NetConnectOpts;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

/** Reads `redis://user:password@host:port/database`. Throws a `StartError` for anything else. */
export function parseRedisUrl(text: string): RedisAddress {
  const url = URL.parse(text);
  const database = Number(url?.pathname.slice(1) || 0);
  if (url?.protocol !== "redis:" || !Number.isInteger(database)) {
    throw new StartError("The Redis URL is not one: write redis://127.0.0.1:6379/0, or leave REDIS_URL out");
  }
  return {
    socket: { host: url.hostname || "127.0.0.1", port: Number(url.port || 6379) },
    username: url.username === "" ? undefined : decodeURIComponent(url.username),
    password: url.password === "" ? undefined : decodeURIComponent(url.password),
    database,
  };
}

interface Batch {
  readonly size: number;
  readonly replies: Reply[];
  readonly resolve: (replies: Reply[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One connection on which batches are pipelined: each is written whole, so that nothing comes between its commands.
 * After a loss it connects again with the next batch; what was under way is rejected, because nobody knows whether it ran.
 */
export class RedisConnection {
  readonly #address: RedisAddress;
  #socket: Socket | undefined;
  #connecting: Promise<void> | undefined;
  #batches: Batch[] = [];
  /** What is written at the end of this turn of the event loop. */
  #outgoing = "";
  #closed: boolean = false;

  constructor(address: RedisAddress) {
    this.#address = address;
  }

  /** Sends the commands in one write; their replies come in the same order. Rejects when the connection is lost. */
  async send(commands: readonly Command[]): Promise<readonly Reply[]> {
    if (this.#closed) throw new Error("the connection to Redis is closed");
    if (this.#socket === undefined) {
      this.#connecting ??= this.#connect().finally(() => {
        this.#connecting = undefined;
      });
      await this.#connecting;
    }
    return this.#write(commands);
  }

  /** Ends the connection; what is under way is rejected. */
  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
  }

  async #connect(): Promise<void> {
    const socket = connect({ ...this.#address.socket, noDelay: true } as NetConnectOpts);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    socket.removeAllListeners("error");
    const reader = new ReplyReader();
    socket.on("data", (chunk: Buffer) => {
      for (const reply of reader.push(chunk)) this.#deliver(reply);
    });
    socket.on("error", () => undefined); // "close" follows, and says what there is to say
    socket.on("close", () => this.#lose());
    this.#socket = socket;
    await this.#greet();
  }

  async #greet(): Promise<void> {
    const { username, password, database } = this.#address;
    const greeting: Command[] = [];
    if (password !== undefined) {
      greeting.push(username === undefined ? ["AUTH", password] : ["AUTH", username, password]);
    }
    if (database !== 0) greeting.push(["SELECT", String(database)]);
    if (greeting.length === 0) return;
    const refusal = (await this.#write(greeting)).find((reply) => reply instanceof ErrorReply);
    if (refusal === undefined) return;
    this.close();
    throw new StartError(`Redis refuses the login or the database of the URL: ${refusal.message}`);
  }

  #write(commands: readonly Command[]): Promise<readonly Reply[]> {
    if (commands.length === 0) return Promise.resolve([]);
    const socket = this.#socket;
    if (socket === undefined) return Promise.reject(new Error("the connection to Redis was lost"));
    return new Promise((resolve, reject) => {
      this.#batches.push({ size: commands.length, replies: [], resolve, reject });
      if (this.#outgoing === "") setImmediate(() => this.#flush(socket));
      for (const command of commands) this.#outgoing += encodeCommand(command);
    });
  }

  /** One write for all batches of a turn of the event loop: the system call is the dearest part of a small command. */
  #flush(socket: Socket): void {
    const outgoing = this.#outgoing;
    this.#outgoing = "";
    if (socket === this.#socket) socket.write(outgoing, "latin1");
  }

  #deliver(reply: Reply): void {
    const batch = this.#batches[0];
    if (batch === undefined) throw new Error("redis-server sent a reply that nobody asked for");
    batch.replies.push(reply);
    if (batch.replies.length < batch.size) return;
    this.#batches.shift();
    batch.resolve(batch.replies);
  }

  #lose(): void {
    this.#socket = undefined;
    const lost = this.#batches;
    this.#batches = [];
    for (const batch of lost) batch.reject(new Error("the connection to Redis was lost"));
  }
}
