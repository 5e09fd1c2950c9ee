import { toHex } from "../../lib/hash.ts";

/** A Lua script and the SHA-1 by which Redis knows it. */
export class Script {
  readonly source: string;
  #sha: string | undefined;

  constructor(source: string) {
    this.source = source;
  }

  /** Undefined until `prepare` has run: Workers may not compute anything asynchronous while a module loads. */
  get sha(): string | undefined {
    return this.#sha;
  }

  /** The value is kept and never the promise: a promise of another request must not be awaited in a Worker. */
  async prepare(): Promise<string> {
    const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(this.source));
    this.#sha = toHex(new Uint8Array(digest));
    return this.#sha;
  }
}
