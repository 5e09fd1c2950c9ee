import { maskCredentials } from "../../src/core/credentials.ts";

/** Fields whose text names an account, a call or a conversation, or is sealed by the provider. */
const NAMING =
  /"(id|item_id|response_id|previous_response_id|request_id|tool_call_id|call_id|tool_use_id|container_id|file_id|organization|organization_id|project|user|signature|encrypted_content|data)":(\s*)"((?:[^"\\]|\\.)+)"/g;
const URLS = /\bhttps?:\/\/[^\s"'<>\\)\]}]+/g;

/**
 * The stream's text without what could say whose it is: ids and sealed texts become `<prefix>recorded<n>`, the same wherever they come again; what looks
 * like a credential is masked; of URLs and of the backend's own host nothing stays. All else is byte for byte what came.
 */
export function redact(stream: string, known: { readonly host: string; readonly secrets: readonly string[] }): string {
  const names = new Map<string, string>();
  let text = stream.replace(NAMING, (_, field: string, space: string, value: string) => {
    const told = names.get(value) ?? `${prefixOf(value)}recorded${names.size + 1}`;
    names.set(value, told);
    return `"${field}":${space}"${told}"`;
  });
  for (const secret of known.secrets) text = text.replaceAll(secret, "[masked]");
  text = text.replaceAll(URLS, "https://host.invalid").replaceAll(known.host, "host.invalid");
  return maskCredentials(text);
}

/** `chatcmpl-`, `msg_`, `toolu_`: what kind of id it is may stay. */
const prefixOf = (value: string): string => /^[a-z]{2,12}[-_]/.exec(value)?.[0] ?? "";
