import type { MediaSource } from "../core/draft.ts";
import type { Fields } from "./read.ts";

/** Base64 text of one image, in characters (three quarters of it are bytes). Above what the providers take; below what a body may hold. */
export const MAX_IMAGE_BASE64 = 10_485_760;
/** Base64 text of one file, in characters. */
export const MAX_FILE_BASE64 = 33_554_432;

const MEDIA_TYPE = /^[a-z0-9][a-z0-9.+-]{0,63}\/[a-z0-9][a-z0-9.+-]{0,127}$/i;
/** The ends of a base64 text are looked at; what is between them is the backend's to judge. */
const BASE64_ENDS = /^(?:[A-Za-z0-9+/_-]{0,64})(?:={0,2})$/;

/** A URL as a source: what `data:` URLs hold is in the request itself; any other is passed on and never fetched here. */
export function urlSource(fields: Fields, field: string, url: string, maxBase64: number): MediaSource | undefined {
  if (url === "") return fields.complain(field, "must not be empty", "invalid_value");
  if (!/^data:/i.test(url.slice(0, 5))) return { kind: "url", url };
  const comma = url.indexOf(",");
  const [mediaType = "", ...parameters] = comma === -1 ? [] : url.slice("data:".length, comma).split(";");
  if (parameters.at(-1)?.toLowerCase() !== "base64") {
    return fields.complain(field, "must be a URL, or a data URL with a media type and base64", "invalid_value");
  }
  return base64Source(fields, field, mediaType, url.slice(comma + 1), maxBase64);
}

/** Bytes in the request itself, as base64 text. */
export function base64Source(
  fields: Fields,
  field: string,
  mediaType: string,
  data: string,
  maxBase64: number,
): MediaSource | undefined {
  if (data === "") return fields.complain(field, "must not be empty", "invalid_value");
  if (data.length > maxBase64) {
    return fields.complain(field, `must hold at most ${maxBase64} characters of base64`, "invalid_value");
  }
  if (!MEDIA_TYPE.test(mediaType)) return fields.complain(field, "must name its media type", "invalid_value");
  if (!BASE64_ENDS.test(data.slice(0, 64)) || !BASE64_ENDS.test(data.slice(-64))) {
    return fields.complain(field, "must be base64", "invalid_value");
  }
  return { kind: "base64", mediaType, data };
}

/** The other way: bytes as a `data:` URL, a URL as it came. An id is its provider's own and has no URL. */
export function sourceUrl(source: MediaSource): string | undefined {
  switch (source.kind) {
    case "base64":
      return `data:${source.mediaType};base64,${source.data}`;
    case "url":
      return source.url;
    case "id":
      return undefined;
  }
}
