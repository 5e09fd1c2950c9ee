import type {
  DeadLetterOffice,
  KeyAdministration,
  KeyAnnouncer,
  MoneyOpener,
  OverlayAdministration,
  OverlayAnnouncer,
  RequestReader,
  TenantAdministration,
  UsageReader,
} from "../../../core/admin.ts";
import type { BreakerState } from "../../../core/breaker.ts";
import type { Overlay } from "../../../core/config.ts";
import type { Clock } from "../../../core/ports.ts";

/** What the admin routes are given; `compose.ts` decides what stands behind each. */
export interface AdminDependencies {
  /** Undefined or empty: the admin API is closed. */
  readonly adminKey: string | undefined;
  readonly clock: Clock;
  /** `count` bytes of a cryptographic source. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** The pepper that new keys are hashed under. */
  readonly pepper: { readonly version: number; readonly secret: string };
  /** What a key may name: the tiers and aliases of the config that this isolate holds. */
  readonly known: () => {
    readonly tiers: ReadonlySet<string>;
    readonly defaultTier: string;
    readonly aliases: ReadonlySet<string>;
  };
  readonly keys: KeyAdministration;
  readonly announcer: KeyAnnouncer;
  readonly tenants: TenantAdministration;
  readonly money: MoneyOpener;
  readonly usage: UsageReader;
  readonly requests: RequestReader;
  readonly deadLetters: DeadLetterOffice;
  readonly overlay: OverlayAdministration;
  readonly overlayAnnouncer: OverlayAnnouncer;
  /** Those of all that routes may ask for, by name; undefined where Redis is away. */
  readonly breakers: () => Promise<ReadonlyMap<string, BreakerState> | undefined>;
  /** What of an overlay does not fit the base of this gateway: where (`weights.chat`), and why not. */
  readonly misfits: (overlay: Overlay) => readonly { readonly path: string; readonly reason: string }[];
}

/** Who did it, in audit rows: the admin API knows one operator. */
export const ACTOR = "admin-key";
