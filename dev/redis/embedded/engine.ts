import { arityFits, asErrorLine, COMMANDS, EXEC_ABORT, specOf, unknownCommand, wrongArity } from "../commands.ts";
import { type Command, ErrorReply, type Reply } from "../protocol.ts";
import { CommandError } from "./arguments.ts";
import type { Handler } from "./commands/handlers.ts";
import { hashCommands } from "./commands/hashes.ts";
import { keyCommands } from "./commands/keys.ts";
import { listCommands } from "./commands/lists.ts";
import { serverCommands } from "./commands/server.ts";
import { setCommands } from "./commands/sets.ts";
import { sortedSetCommands } from "./commands/sorted-sets.ts";
import { streamCommands } from "./commands/streams.ts";
import { stringCommands } from "./commands/strings.ts";
import { ScriptRunner } from "./scripting.ts";
import type { Store } from "./store.ts";

const DATA_HANDLERS: ReadonlyMap<string, Handler> = new Map(
  [
    stringCommands,
    keyCommands,
    hashCommands,
    listCommands,
    setCommands,
    sortedSetCommands,
    streamCommands,
    serverCommands,
  ].flatMap((group) => Object.entries(group)),
);

/** Runs commands on the store, one at a time, and so each of them atomically; scripts and transactions too. */
export class Engine {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #scripts: ScriptRunner;
  /** Counts the commands that may have changed something, so that a snapshot knows whether it is due. */
  changes = 0;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
    this.#scripts = new ScriptRunner((command) => this.runData(command));
  }

  /** Runs one command from outside. */
  run(command: Command): Reply {
    this.#store.nowMs = this.#now();
    return this.#dispatch(command);
  }

  /** Runs all commands at one instant, or none when one of them cannot be queued. */
  transaction(commands: readonly Command[]): readonly Reply[] | ErrorReply {
    const queued = commands.every((command) => {
      const spec = specOf(command);
      return spec !== undefined && arityFits(spec, command);
    });
    if (!queued) return EXEC_ABORT;
    this.#store.nowMs = this.#now();
    return commands.map((command) => this.#dispatch(command));
  }

  /** Runs a command on data, from outside or from a script; the time is that of the call it belongs to. */
  runData(command: Command): Reply {
    const spec = specOf(command);
    const handler = spec === undefined ? undefined : DATA_HANDLERS.get(spec.name);
    if (spec === undefined || handler === undefined) return unknownCommand(command);
    if (!arityFits(spec, command)) return wrongArity(spec.name);
    if (spec.writes) this.changes += 1;
    try {
      return handler(this.#store, command.slice(1));
    } catch (error) {
      if (error instanceof CommandError) return new ErrorReply(asErrorLine(error.message));
      throw error;
    }
  }

  #dispatch(command: Command): Reply {
    const spec = specOf(command);
    if (spec?.keys !== "script") return this.runData(command);
    return arityFits(spec, command) ? this.#scripts.run(spec.name, command.slice(1)) : wrongArity(spec.name);
  }
}

for (const spec of COMMANDS.values()) {
  if (spec.keys !== "script" && !DATA_HANDLERS.has(spec.name)) throw new Error(`${spec.name} has no handler`);
}
