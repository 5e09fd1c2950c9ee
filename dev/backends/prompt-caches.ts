import { hash32 } from "./text/hash.ts";
import { simulatedTokens } from "./text/tokens.ts";

/** vLLM caches whole blocks of so many tokens. */
const BLOCK_TOKENS = 16;
const MAXIMUM_PREFIXES = 50_000;

/** A part of a prompt for an explicit cache: its cost, its text, and whether a cache mark stands after it. */
export interface CachePart {
  readonly tokens: number;
  readonly text: string;
  readonly mark: "5m" | "1h" | undefined;
}

/** What an explicit cache read and wrote, in tokens. */
export interface CacheUse {
  readonly read: number;
  readonly written5m: number;
  readonly written1h: number;
}

/** Remembers prompts, as the prefix cache of vLLM and the marked cache of Anthropic do. Nothing runs out, and there is no shortest prompt. */
export class PromptCaches {
  readonly reportsPrefixes: boolean;
  private seen = new Set<string>();

  constructor(reportsPrefixes: boolean) {
    this.reportsPrefixes = reportsPrefixes;
  }

  /** Tokens of the longest known run of leading texts, in whole blocks; remembers all of them. */
  prefix(scope: string, texts: readonly string[], promptTokens: number): number {
    let chain = `prefix ${scope}`;
    let tokens = 0;
    let known = 0;
    let isKnown = true;
    for (const text of texts) {
      chain = chained(chain, text);
      tokens += simulatedTokens(text);
      isKnown &&= this.seen.has(chain);
      if (isKnown) known = tokens;
      this.remember(chain);
    }
    return Math.floor(Math.min(known, promptTokens - 1) / BLOCK_TOKENS) * BLOCK_TOKENS;
  }

  /** What the marks of this prompt read (up to the last known one) and write (up to the last mark). */
  marked(scope: string, parts: readonly CachePart[]): CacheUse {
    let chain = `marked ${scope}`;
    let total = 0;
    let read = 0;
    let written5m = 0;
    let written1h = 0;
    const fresh: string[] = [];
    for (const part of parts) {
      chain = chained(chain, part.text);
      total += part.tokens;
      // Anthropic looks back from a mark: what an earlier request marked is found also where this one has no mark.
      if (this.seen.has(chain)) {
        read = total;
        written5m = 0;
        written1h = 0;
      }
      if (part.mark === undefined) continue;
      fresh.push(chain);
      const added = total - read - written5m - written1h;
      if (part.mark === "1h") written1h += added;
      else written5m += added;
    }
    if (fresh.length === 0) return { read: 0, written5m: 0, written1h: 0 };
    for (const mark of fresh) this.remember(mark);
    return { read, written5m, written1h };
  }

  clear(): void {
    this.seen = new Set();
  }

  private remember(chain: string): void {
    if (this.seen.size >= MAXIMUM_PREFIXES) this.seen = new Set();
    this.seen.add(chain);
  }
}

function chained(chain: string, text: string): string {
  return `${hash32(`${chain}|${text}`).toString(16)}.${hash32(`${text}|${chain}`, 0x9dc5811c).toString(16)}`;
}
