import type { ContentBlock, MediaSource } from "../../core/draft.ts";
import type { JsonObject } from "../../core/json.ts";
import { base64Source, MAX_FILE_BASE64, MAX_IMAGE_BASE64 } from "../media.ts";
import { type Fields, given } from "../read.ts";

export function readImage(block: Fields): Extract<ContentBlock, { type: "image" }> | undefined {
  const source = readSource(block, MAX_IMAGE_BASE64);
  return source && { type: "image", source, path: block.path };
}

/** A PDF, by bytes, URL or id. Documents made of text or of blocks have no counterpart elsewhere. */
export function readDocument(block: Fields): Extract<ContentBlock, { type: "file" }> | undefined {
  const source = readSource(block, MAX_FILE_BASE64);
  return source && { type: "file", source, path: block.path, ...given({ name: block.text("title") }) };
}

function readSource(block: Fields, maxBase64: number): MediaSource | undefined {
  const source = block.child("source");
  if (!source) return block.value("source") === undefined ? block.missing("source") : undefined;
  const word = (field: string) => source.text(field) ?? source.missing(field);
  switch (source.text("type")) {
    case "base64": {
      const [mediaType, data] = [word("media_type"), word("data")];
      return mediaType !== undefined && data !== undefined
        ? base64Source(source, "data", mediaType, data, maxBase64)
        : undefined;
    }
    case "url": {
      const url = word("url");
      return url === undefined ? undefined : { kind: "url", url };
    }
    case "file": {
      const id = word("file_id");
      return id === undefined ? undefined : { kind: "id", id };
    }
    case undefined:
      return source.missing("type");
    default:
      return undefined;
  }
}

export function encodeSource(source: MediaSource): JsonObject {
  switch (source.kind) {
    case "base64":
      return { type: "base64", media_type: source.mediaType, data: source.data };
    case "url":
      return { type: "url", url: source.url };
    case "id":
      return { type: "file", file_id: source.id };
  }
}
