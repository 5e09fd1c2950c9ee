import { type Command, ErrorReply, OK, type Reply, StatusReply } from "../protocol.ts";

/** A command in RESP2, to be written as latin1. Format: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export function encodeCommand(command: Command): string {
  let encoded = `*${command.length}\r\n`;
  for (const argument of command) encoded += `$${argument.length}\r\n${argument}\r\n`;
  return encoded;
}

const CARRIAGE_RETURN = 13;
const NOTHING = Buffer.alloc(0);

/**
 * Reads RESP2 replies out of a byte stream, however it is cut. A reply whose end has not arrived is read again from its
 * start when more is there; of a large string that is only its header, because its length says how long to wait.
 */
export class ReplyReader {
  #buffer: Buffer = NOTHING;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** How many bytes there must be before another attempt can succeed. */
  #neededBytes = 0;
  #position = 0;

  /** Takes the next bytes and returns the replies that they complete. */
  push(chunk: Buffer): Reply[] {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#buffer.length + this.#waitingBytes < this.#neededBytes) return [];
    this.#buffer =
      this.#buffer.length === 0 && this.#waiting.length === 1 ? chunk : Buffer.concat([this.#buffer, ...this.#waiting]);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#neededBytes = 0;
    const replies: Reply[] = [];
    let start = 0;
    this.#position = 0;
    while (start < this.#buffer.length) {
      const reply = this.#read();
      if (reply === undefined) break;
      replies.push(reply);
      start = this.#position;
    }
    if (this.#neededBytes > 0) this.#neededBytes -= start;
    this.#buffer = start === this.#buffer.length ? NOTHING : this.#buffer.subarray(start);
    return replies;
  }

  /** The reply at the position, or undefined when it is not all there. */
  #read(): Reply | undefined {
    const type = this.#buffer[this.#position];
    const line = this.#line();
    if (line === undefined) return undefined;
    switch (type) {
      case 43: // +
        return line === "OK" ? OK : new StatusReply(line);
      case 45: // -
        return new ErrorReply(line);
      case 58: // :
        return toInteger(line);
      case 36: // $
        return this.#bulk(Number(line));
      case 42: // *
        return this.#array(Number(line));
      default:
        throw new Error(`redis-server sent a reply of unknown type ${String(type)}`);
    }
  }

  #line(): string | undefined {
    const end = this.#buffer.indexOf(CARRIAGE_RETURN, this.#position);
    if (end < 0 || end + 1 >= this.#buffer.length) return undefined;
    const line = this.#buffer.toString("latin1", this.#position + 1, end);
    this.#position = end + 2;
    return line;
  }

  #bulk(length: number): Reply | undefined {
    if (length < 0) return null;
    const end = this.#position + length;
    if (end + 2 > this.#buffer.length) {
      this.#neededBytes = end + 2;
      return undefined;
    }
    const bytes = this.#buffer.toString("latin1", this.#position, end);
    this.#position = end + 2;
    return bytes;
  }

  #array(length: number): Reply | undefined {
    if (length < 0) return null;
    const items: Reply[] = [];
    for (let index = 0; index < length; index += 1) {
      const item = this.#read();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }
}

function toInteger(digits: string): number | bigint {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : BigInt(digits);
}
