import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { toBytes } from "./bytes.ts";
import { type BackendChoice, openBackend } from "./choose.ts";
import { type CounterSnapshot, Counters } from "./counters.ts";
import { type ControlOrder, controlSchema, type Fault, FaultList } from "./faults.ts";
import { type Answer, errorBody, RestHandler, readBody, send } from "./http.ts";
import type { Bytes, Command, RedisBackend, RedisForm } from "./protocol.ts";
import { StartError } from "./protocol.ts";

export const CONTROL_PATH = "/__control";

export interface RedisEndpointOptions extends BackendChoice {
  /** 0, the default, takes a free one. Only loopback is listened on. */
  readonly port?: number;
  /** Every token that is accepted; calls are counted for each. */
  readonly tokens: readonly string[];
}

/** A running endpoint. The control path's orders are methods here. */
export interface RedisEndpoint {
  readonly url: string;
  readonly form: RedisForm;
  /** Why this form was taken, where that is worth saying. */
  readonly note: string | undefined;
  counters(): CounterSnapshot;
  /** Carries out what `POST /__control` would. */
  control(order: ControlOrder): Promise<void>;
  setFaults(...faults: readonly Fault[]): void;
  /** Stops accepting calls, saves the data and ends what was started. Calls that hang are cut. */
  close(): Promise<void>;
}

/** What a key holds after a wrong type was planted there. */
const PLANTED: Readonly<Record<string, (key: Bytes) => Command>> = {
  string: (key) => ["SET", key, "planted"],
  hash: (key) => ["HSET", key, "planted", "1"],
  list: (key) => ["RPUSH", key, "planted"],
  set: (key) => ["SADD", key, "planted"],
  zset: (key) => ["ZADD", key, "1", "planted"],
};

/** Starts the endpoint. Throws a `StartError` whose message is one line that says what to do. */
export async function startRedisEndpoint(options: RedisEndpointOptions): Promise<RedisEndpoint> {
  if (options.tokens.length === 0) throw new StartError("Give at least one token: --tokens some-token");
  const { backend, note } = await openBackend(options);
  const endpoint = new Endpoint(options.tokens, backend, note);
  try {
    await endpoint.listen(options.port ?? 0);
  } catch (error) {
    await backend.close();
    throw error;
  }
  return endpoint;
}

class Endpoint implements RedisEndpoint {
  readonly form: RedisForm;
  readonly note: string | undefined;
  readonly #backend: RedisBackend;
  readonly #faults = new FaultList();
  readonly #counters = new Counters();
  readonly #server: Server;
  #port = 0;
  #closing: Promise<void> | undefined;

  constructor(tokens: readonly string[], backend: RedisBackend, note: string | undefined) {
    this.form = backend.form;
    this.note = note;
    this.#backend = backend;
    const rest = new RestHandler(tokens, backend, this.#faults, this.#counters);
    this.#server = createServer((request, response) => {
      const handled =
        request.url === CONTROL_PATH ? this.#answerControl(request, response) : rest.handle(request, response);
      handled.catch(() => response.destroy()); // the caller has left while its body was read
    });
    // A caller's pool decides how long a connection lives; one that is closed here at the wrong moment looks like a fault.
    this.#server.keepAliveTimeout = 0;
    this.#server.requestTimeout = 0;
    this.#server.headersTimeout = 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: "127.0.0.1", port }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    }).catch((error: NodeJS.ErrnoException) => {
      const complaint =
        error.code === "EADDRINUSE" ? "is taken: stop what listens there, or" : `cannot be used (${error.code}):`;
      throw new StartError(`Port ${port} ${complaint} choose another with --port`);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  counters(): CounterSnapshot {
    return this.#counters.snapshot();
  }

  setFaults(...faults: readonly Fault[]): void {
    this.#faults.set(faults);
  }

  async control(order: ControlOrder): Promise<void> {
    const { faults, flush, scriptFlush, wrongType, resetCounters, refuseMs } = controlSchema.parse(order);
    if (faults !== undefined) this.#faults.set(faults);
    if (flush) await this.#backend.execute([["FLUSHDB"]]);
    if (scriptFlush) await this.#backend.execute([["SCRIPT", "FLUSH"]]);
    if (wrongType !== undefined) {
      const key = toBytes(wrongType.key);
      const plant = PLANTED[wrongType.type];
      if (plant !== undefined) await this.#backend.transaction([["DEL", key], plant(key)]);
    }
    if (resetCounters) this.#counters.reset();
    if (refuseMs !== undefined) await this.#refuse(refuseMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#stopListening().then(() => this.#backend.close());
    return this.#closing;
  }

  /** Resolves when nothing listens any more; listening begins again on the same port by itself. */
  async #refuse(refuseMs: number): Promise<void> {
    await this.#stopListening();
    sleep(refuseMs, undefined, { ref: false })
      .then(() => (this.#closing === undefined ? this.listen(this.#port) : undefined))
      .catch((error: Error) => process.stderr.write(`${error.message}\n`));
  }

  #stopListening(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answerControl(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    // A page in a browser can post to loopback too; it always says where it comes from.
    if (request.headers.origin !== undefined) return send(response, refusedControl(403, "not from a browser"));
    if (request.method === "GET") {
      const state = { url: this.url, form: this.form, faults: this.#faults.list(), ...this.counters() };
      return send(response, { status: 200, body: JSON.stringify(state) });
    }
    if (request.method !== "POST") return send(response, refusedControl(405, "GET or POST"));
    const order = controlSchema.safeParse(parseJson(body));
    if (!order.success) {
      const [issue] = order.error.issues;
      return send(response, refusedControl(400, `${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim()));
    }
    const { refuseMs, ...now } = order.data;
    await this.control(now);
    send(response, { status: 200, body: '{"ok":true}' });
    if (refuseMs === undefined) return;
    response.once("finish", () => {
      this.#refuse(refuseMs).catch((error: Error) => process.stderr.write(`${error.message}\n`));
    });
  }
}

function refusedControl(status: number, message: string): Answer {
  return { status, body: errorBody(`${CONTROL_PATH}: ${message}`) };
}

function parseJson(body: string | undefined): unknown {
  try {
    return JSON.parse(body ?? "");
  } catch {
    return undefined;
  }
}
