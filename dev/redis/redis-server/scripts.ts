import { sha1Hex } from "../bytes.ts";
import { type Bytes, type Command, ErrorReply, type Reply } from "../protocol.ts";
import { KEY_LOCKING_FLAG, parseScript } from "../scripts.ts";
import { DECLARED_KEYS_PRELUDE } from "./prelude.ts";

/** What is sent in a command's place, and how its reply is turned back. */
export interface Translation {
  readonly command: Command;
  readonly restore: (reply: Reply) => Reply;
}

interface ServerScript {
  readonly text: Bytes;
  readonly sha: string;
}

const asItIs = (reply: Reply): Reply => reply;

/** Beyond this many scripts the oldest is forgotten; its next EVALSHA is answered NOSCRIPT, and the client sends the text. */
const MOST_SCRIPTS = 1000;

/**
 * Lets a plain Redis run scripts that carry Upstash's flag. The flag is taken out and the check of declared keys put in, so
 * the server's SHA is not the client's: this table translates, in both directions. Other scripts pass untouched.
 */
export class ScriptTable {
  readonly #byClientSha = new Map<string, ServerScript>();

  /** Translates one command; only EVAL, EVALSHA (and their _RO forms) and SCRIPT are ever changed. */
  translate(command: Command): Translation {
    const [name = "", first = "", ...rest] = command;
    switch (name.toLowerCase()) {
      case "eval":
      case "eval_ro": {
        const script = this.#fromText(first);
        return script === undefined ? { command, restore: asItIs } : this.#swap(command, first, script);
      }
      case "evalsha":
      case "evalsha_ro":
        return this.#evalSha(command, first);
      case "script":
        return this.#script(command, first, rest);
      default:
        return { command, restore: asItIs };
    }
  }

  #evalSha(command: Command, sha: Bytes): Translation {
    const clientSha = sha.toLowerCase();
    const script = this.#byClientSha.get(clientSha);
    if (script === undefined) return { command, restore: asItIs };
    const [name = "", , ...rest] = command;
    return { command: [name, script.sha, ...rest], restore: (reply) => renameSha(reply, script.sha, clientSha) };
  }

  #swap(command: Command, clientText: Bytes, script: ServerScript): Translation {
    const [name = "", , ...rest] = command;
    const clientSha = sha1Hex(clientText);
    return { command: [name, script.text, ...rest], restore: (reply) => renameSha(reply, script.sha, clientSha) };
  }

  #script(command: Command, subcommand: Bytes, rest: readonly Bytes[]): Translation {
    switch (subcommand.toLowerCase()) {
      case "load": {
        const script = rest.length === 1 ? this.#fromText(rest[0] ?? "") : undefined;
        if (script === undefined) return { command, restore: asItIs };
        const clientSha = sha1Hex(rest[0] ?? "");
        return {
          command: ["SCRIPT", "LOAD", script.text],
          restore: (reply) => (reply instanceof ErrorReply ? reply : clientSha),
        };
      }
      case "exists": {
        const shas = rest.map((sha) => this.#byClientSha.get(sha.toLowerCase())?.sha ?? sha);
        return { command: ["SCRIPT", "EXISTS", ...shas], restore: asItIs };
      }
      default:
        return { command, restore: asItIs };
    }
  }

  /** The server's version of a script, or undefined when it runs as it is (faults in it are the server's to word). */
  #fromText(text: Bytes): ServerScript | undefined {
    const source = parseScript(text);
    if (source instanceof ErrorReply || !source.locksKeys) return undefined;
    const clientSha = sha1Hex(text);
    const known = this.#byClientSha.get(clientSha);
    if (known !== undefined) return known;
    const otherFlags = source.flags.filter((flag) => flag !== KEY_LOCKING_FLAG);
    // The prelude takes the first line's place, so that errors name the lines of the text as it was written. Where a first
    // line must stay for other flags, the body moves down by one.
    const firstLine = otherFlags.length === 0 ? "" : `#!lua flags=${otherFlags.join(",")}\n`;
    const serverText = `${firstLine}${DECLARED_KEYS_PRELUDE}${source.body}`;
    const script = { text: serverText, sha: sha1Hex(serverText) };
    const oldest = this.#byClientSha.keys().next().value;
    if (this.#byClientSha.size >= MOST_SCRIPTS && oldest !== undefined) this.#byClientSha.delete(oldest);
    this.#byClientSha.set(clientSha, script);
    return script;
  }
}

/** Redis names the script in its errors; the caller knows it by another SHA. */
function renameSha(reply: Reply, serverSha: string, clientSha: string): Reply {
  if (!(reply instanceof ErrorReply)) return reply;
  return new ErrorReply(reply.message.replaceAll(serverSha, clientSha));
}
