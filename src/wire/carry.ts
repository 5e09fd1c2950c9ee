import type { Draft } from "../core/draft.ts";
import type { JsonObject } from "../core/json.ts";
import { ok, type Result } from "../core/result.ts";
import type { AttemptRequest, WireRequest } from "../core/wire.ts";
import { BodyPatches, withQuirks } from "./quirks.ts";
import { Translations } from "./translations.ts";

type DraftOf<O extends Draft["operation"]> = Extract<Draft, { readonly operation: O }>;

/** How a format puts a request to a backend that speaks it. */
export interface Carrier<O extends Draft["operation"]> {
  /** The format's own name: a caller of it keeps their own text. */
  readonly wire: string;
  readonly operation: O;
  /** Behind the base URL. */
  readonly path: string;
  readonly unversioned?: true;
  /** Beside the content type and what is accepted. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Edits of the caller's own text, beyond the model's name and what the backend's quirks ask for. */
  readonly patch?: (patches: BodyPatches, attempt: AttemptRequest) => void;
  /** The body from the draft alone, in whatever format the caller spoke. */
  readonly build: (attempt: AttemptRequest, draft: DraftOf<O>, translations: Translations) => Result<JsonObject>;
}

/** `Wire.encodeRequest` of a format: the caller's own text, patched, where the caller speaks it; else a body built from the draft. */
export function carrying<O extends Draft["operation"]>(
  carrier: Carrier<O>,
): (attempt: AttemptRequest) => Result<WireRequest> {
  return (attempt) => {
    const translations = new Translations();
    const body = bodyOf(carrier, attempt, translations);
    if (!body.ok) return body;
    return ok({
      path: carrier.path,
      ...(carrier.unversioned && { unversioned: true }),
      headers: {
        "content-type": "application/json",
        accept: attempt.stream ? "text/event-stream" : "application/json",
        ...carrier.headers,
      },
      body: body.value,
      translations: translations.list(),
    });
  };
}

function bodyOf<O extends Draft["operation"]>(
  { wire, operation, patch, build }: Carrier<O>,
  attempt: AttemptRequest,
  translations: Translations,
): Result<string> {
  const { draft } = attempt;
  if (!isOf(draft, operation)) throw new Error(`${wire} was asked to carry another operation`);
  if (attempt.clientWire === wire) {
    const patches = new BodyPatches(attempt, translations);
    patch?.(patches, attempt);
    return ok(patches.text());
  }
  const built = inWordsOf(wire, build, attempt, draft, translations);
  return built.ok ? ok(JSON.stringify(built.value)) : built;
}

/**
 * A request in the words of `wire`, for a format that takes a part of them: the caller's own members where they speak it, else what `build` makes
 * of the draft; as the backend's quirks want it.
 */
export function inWordsOf<D>(
  wire: string,
  build: (attempt: AttemptRequest, draft: D, translations: Translations) => Result<JsonObject>,
  attempt: AttemptRequest,
  draft: D,
  translations = new Translations(),
): Result<JsonObject> {
  const words = attempt.clientWire === wire ? ok(attempt.body.value) : build(attempt, draft, translations);
  return words.ok ? ok(withQuirks(words.value, attempt, translations)) : words;
}

function isOf<O extends Draft["operation"]>(draft: Draft, operation: O): draft is DraftOf<O> {
  return draft.operation === operation;
}
