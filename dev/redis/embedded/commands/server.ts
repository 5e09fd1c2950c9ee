import { OK, StatusReply } from "../../protocol.ts";
import { at, CommandError, SYNTAX_ERROR } from "../arguments.ts";
import type { Handler, Handlers } from "./handlers.ts";

const flush: Handler = (store, args) => {
  const mode = args[0]?.toUpperCase();
  if (args.length > 1 || (mode !== undefined && mode !== "SYNC" && mode !== "ASYNC")) {
    throw new CommandError(SYNTAX_ERROR);
  }
  store.clear();
  return OK;
};

/** Commands on the server and the connection. */
export const serverCommands: Handlers = {
  ping: (_store, args) => {
    if (args.length > 1) throw new CommandError("ERR wrong number of arguments for 'ping' command");
    return args[0] ?? new StatusReply("PONG");
  },
  echo: (_store, args) => at(args, 0),
  time: (store) => [String(Math.floor(store.nowMs / 1000)), String((store.nowMs % 1000) * 1000)],
  dbsize: (store) => store.size,
  flushdb: flush,
  flushall: flush,
};
