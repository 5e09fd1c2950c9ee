import type { Attachment } from "./conversation.ts";
import { isJsonObject, type JsonObject } from "./json.ts";

/** Text that stands for an image or a file where tokens are counted and answers are seeded. */
export const PART_PLACEHOLDER = "[simulated part without text]";

/** Size of what base64 text stands for, without decoding it. */
function decodedBytes(base64: string): number {
  const padding = /=*$/.exec(base64.slice(-2))?.[0].length ?? 0;
  return Math.max(0, Math.floor((base64.length * 3) / 4) - padding);
}

/** An image or file that comes as a data URL or as another URL. */
export function attachmentOfUrl(kind: Attachment["kind"], url: string): Attachment {
  const [, mediaType = "", encoding, data = ""] = /^data:([^;,]*)(;base64)?,([\s\S]*)$/.exec(url) ?? [];
  if (!url.startsWith("data:")) return { kind, source: "url", name: url };
  const bytes = encoding === undefined ? Buffer.byteLength(decodeURIComponent(data)) : decodedBytes(data);
  return { kind, source: "inline", mediaType: mediaType === "" ? "text/plain" : mediaType, bytes };
}

/** Anthropic's `source` of an image or a document. */
export function attachmentOfSource(kind: Attachment["kind"], source: JsonObject, title: unknown): Attachment {
  const name = typeof title === "string" ? { name: title } : {};
  const mediaType = typeof source.media_type === "string" ? { mediaType: source.media_type } : {};
  if (source.type === "url") return { kind, source: "url", name: String(source.url) };
  if (source.type === "file") return { kind, source: "id", name: String(source.file_id) };
  const data = typeof source.data === "string" ? source.data : "";
  const bytes = source.type === "base64" ? decodedBytes(data) : Buffer.byteLength(data);
  return { kind, source: "inline", ...mediaType, bytes, ...name };
}

/** A part of an OpenAI message (chat or Responses) that is an image or a file. */
export function attachmentOfPart(part: JsonObject): Attachment | undefined {
  const { type, image_url: image, file, file_id: id } = part;
  if (type === "image_url" || type === "input_image") {
    const url = isJsonObject(image) ? image.url : image;
    if (typeof url === "string") return attachmentOfUrl("image", url);
    return typeof id === "string" ? { kind: "image", source: "id", name: id } : undefined;
  }
  if (type !== "file" && type !== "input_file") return undefined;
  const holder = isJsonObject(file) ? file : part;
  const name = typeof holder.filename === "string" ? { name: holder.filename } : {};
  if (typeof holder.file_data === "string") return { ...attachmentOfUrl("file", asDataUrl(holder.file_data)), ...name };
  if (typeof holder.file_url === "string") return attachmentOfUrl("file", holder.file_url);
  return typeof holder.file_id === "string" ? { kind: "file", source: "id", name: holder.file_id } : undefined;
}

/** File data may come as bare base64. */
function asDataUrl(data: string): string {
  return data.startsWith("data:") ? data : `data:application/octet-stream;base64,${data}`;
}
