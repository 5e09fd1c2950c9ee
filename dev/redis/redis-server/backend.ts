import { EXEC_ABORT, specOf, unknownCommand, unknownScriptSubcommand } from "../commands.ts";
import { type Command, ErrorReply, type RedisBackend, type Reply, StartError } from "../protocol.ts";
import { parseRedisUrl, type RedisAddress, RedisConnection } from "./connection.ts";
import { OLDEST_MAJOR, type RedisProcess, startRedisProcess } from "./process.ts";
import { ScriptTable, type Translation } from "./scripts.ts";

const MULTI: Command = ["MULTI"];
const EXEC: Command = ["EXEC"];

/** A real redis-server: one connection, each batch in one write, scripts translated. */
class RedisServerBackend implements RedisBackend {
  readonly form = "redis-server";
  readonly #connection: RedisConnection;
  readonly #process: RedisProcess | undefined;
  readonly #scripts = new ScriptTable();

  constructor(connection: RedisConnection, process: RedisProcess | undefined) {
    this.#connection = connection;
    this.#process = process;
  }

  async execute(commands: readonly Command[]): Promise<readonly Reply[]> {
    const prepared = commands.map((command) => this.#prepare(command));
    const replies = await this.#send(prepared.flatMap((each) => (each instanceof ErrorReply ? [] : [each.command])));
    let next = 0;
    return prepared.map((each) => {
      if (each instanceof ErrorReply) return each;
      const reply = each.restore(replies[next] ?? null);
      next += 1;
      return reply;
    });
  }

  async transaction(commands: readonly Command[]): Promise<readonly Reply[] | ErrorReply> {
    const translations: Translation[] = [];
    for (const command of commands) {
      const translation = this.#prepare(command);
      if (translation instanceof ErrorReply) return EXEC_ABORT;
      translations.push(translation);
    }
    const replies = await this.#send([MULTI, ...translations.map((each) => each.command), EXEC]);
    const outcome = replies.at(-1);
    if (outcome instanceof ErrorReply) return outcome;
    if (!Array.isArray(outcome)) throw new Error("redis-server answered EXEC with something other than an array");
    return translations.map((each, index) => each.restore(outcome[index] ?? null));
  }

  async close(): Promise<void> {
    this.#connection.close();
    await this.#process?.stop();
  }

  /** Commands outside the closed list never reach the server: one that changes the connection would change it for all. */
  #prepare(command: Command): Translation | ErrorReply {
    const spec = specOf(command);
    if (spec === undefined) return unknownCommand(command);
    if (spec.name !== "script") return this.#scripts.translate(command);
    return unknownScriptSubcommand(command) ?? this.#scripts.translate(command);
  }

  async #send(commands: readonly Command[]): Promise<readonly Reply[]> {
    const exit = this.#process?.exit();
    if (exit !== undefined) throw new Error(exit);
    return await this.#connection.send(commands);
  }
}

/** A backend on a server that someone else runs. Throws a `StartError` when it cannot be reached. */
export async function connectRedisServer(url: string): Promise<RedisBackend> {
  const address = parseRedisUrl(url);
  const { host = "127.0.0.1", port } = address.socket as { host?: string; port?: number };
  return await open(
    address,
    undefined,
    `No Redis answers at ${host}:${String(port)}: start it, or leave REDIS_URL out`,
  );
}

/** A backend on a redis-server that is started here and ends with this process. */
export async function spawnRedisServer(binary: string, dataDir: string | undefined): Promise<RedisBackend> {
  const process = await startRedisProcess(binary, dataDir);
  const address = {
    socket: { path: process.socketPath },
    username: undefined,
    password: undefined,
    database: 0,
  };
  return await open(address, process, "redis-server was started but does not answer");
}

async function open(
  address: RedisAddress,
  process: RedisProcess | undefined,
  complaint: string,
): Promise<RedisBackend> {
  const connection = new RedisConnection(address);
  try {
    await loaded(connection);
    await requireVersion(connection);
  } catch (error) {
    connection.close();
    await process?.stop();
    if (error instanceof StartError) throw error;
    throw new StartError(`${complaint} (${error instanceof Error ? error.message : String(error)})`);
  }
  return new RedisServerBackend(connection, process);
}

/** Servers of others may be of any age; the one that is started here was asked before. */
async function requireVersion(connection: RedisConnection): Promise<void> {
  const [info] = await connection.send([["INFO", "server"]]);
  const version = typeof info === "string" ? /redis_version:(\S+)/.exec(info)?.[1] : undefined;
  if (Number.parseInt(version ?? "", 10) >= OLDEST_MAJOR) return;
  throw new StartError(
    `The Redis of REDIS_URL has version ${version ?? "unknown"}: ${OLDEST_MAJOR}.0 or newer is needed`,
  );
}

/** Waits while the server still reads its file of commands, as it does after a start with much data. */
async function loaded(connection: RedisConnection): Promise<void> {
  for (;;) {
    const [reply] = await connection.send([["PING"]]);
    if (!(reply instanceof ErrorReply)) return;
    if (!reply.message.startsWith("LOADING")) throw new StartError(`Redis refuses the connection: ${reply.message}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
