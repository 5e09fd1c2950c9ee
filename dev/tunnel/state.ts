import type { AllowLists } from "./allow-list.ts";
import type { TunnelRules } from "./rules.ts";

/** What `CF-Access-Client-Id` and `CF-Access-Client-Secret` hold. */
export interface ServiceToken {
  readonly id: string;
  readonly secret: string;
}

/** One request as the tunnel saw it. */
export interface TunnelCall {
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly requestId: string | undefined;
  /** Who answered; undefined while nobody has. */
  answeredBy?: "access" | "edge" | "cloudflared" | "second-list" | "backend";
  status?: number;
  /** The client left before the reply's end. */
  left?: true;
}

/** What a running tunnel knows. */
export interface TunnelState {
  readonly target: string;
  readonly allow: AllowLists;
  readonly silenceMs: number;
  readonly firstTokens: readonly ServiceToken[];
  tokens: readonly ServiceToken[];
  readonly rules: TunnelRules;
  readonly calls: TunnelCall[];
  received: number;
}
