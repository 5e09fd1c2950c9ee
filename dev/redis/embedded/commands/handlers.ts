import type { Bytes, Reply } from "../../protocol.ts";
import type { Store } from "../store.ts";

/** Runs one command; `args` are those after the name, and their number fits the command's arity. */
export type Handler = (store: Store, args: readonly Bytes[]) => Reply;

/** Handlers by the lower-case names of their commands. */
export type Handlers = Readonly<Record<string, Handler>>;
