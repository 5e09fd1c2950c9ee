import type { DegradationLevel } from "./degradation.ts";

/** What routes say of which target a request gets. Data: from the configuration, or from the overlay that operators publish. */

/** Both ends count. */
export interface Range {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** All that is said must hold; of a list, one. */
export interface RuleCondition {
  readonly tenant?: readonly string[];
  readonly tier?: readonly string[];
  readonly scope?: readonly string[];
  /** The header `x-gateway-task`. */
  readonly task?: readonly string[];
  /** By name, from `x-gateway-metadata` or the body's `metadata`. */
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
  /** ISO 639-1, of the newest words of the user (routing/language.ts). A text that is none of those known matches no language. */
  readonly language?: readonly string[];
  /** The estimate before admission. */
  readonly inputTokens?: Range;
  readonly tools?: boolean;
  readonly images?: boolean;
  readonly stream?: boolean;
  /** 0 to 1 (routing/complexity.ts). */
  readonly complexity?: Range;
}

/** How one of several targets is chosen. `experiment` names the choice in records: which arm a request got. */
export type Choice = { readonly experiment?: string } & (
  | { readonly by: "weight" }
  /** By weight too, and always the same for the same session, user, key or tenant, as long as the targets are the same. */
  | { readonly by: "hash"; readonly of: "session" | "user" | "key" | "tenant" }
  /** The cheapest of those whose recent time to the first token is within the target, or not known; where none is, the fastest. */
  | { readonly by: "price"; readonly firstTokenMs?: number }
  /** The shortest recent time to the first token; one that is not known is tried first. */
  | { readonly by: "speed" }
);

/** The first rule that matches decides. */
export interface RouteRule {
  readonly name: string;
  readonly when: RuleCondition;
  /** Names of targets, also of such as have no weight otherwise; absent: those of the route. */
  readonly use?: readonly string[];
  /** Absent: the route's. */
  readonly choose?: Choice;
}

/** Why a request got the target that it got: a closed list. */
export const CHOICE_REASONS = ["only-target", "weight", "hash", "price", "speed"] as const;
export type ChoiceReason = (typeof CHOICE_REASONS)[number];

/** What was decided of a request's route: for its record, and for the reply's `x-gateway-route`. */
export interface RouteDecision {
  readonly rule?: string;
  readonly by: ChoiceReason;
  readonly experiment?: string;
  /** The name of the chosen target, of an experiment. */
  readonly arm?: string;
  /** Where a rule asked for it. */
  readonly complexity?: number;
  /** Where it was not served in full. */
  readonly level?: "reduced" | "emergency";
  /** Where this isolate's level of the route changed with this request, whatever the request itself got. */
  readonly levelChange?: { readonly from: DegradationLevel; readonly to: DegradationLevel };
}

/** Languages that rules may ask for, as ISO 639-1: those that are told apart by their words, then those by their script. */
export const LANGUAGES = [
  ...(["en", "de", "fr", "es", "it", "pt", "nl"] as const),
  ...(["ja", "ko", "zh", "ru", "ar", "he", "el", "hi", "th"] as const),
] as const;
export type Language = (typeof LANGUAGES)[number];
