/**
 * A base URL as transports use it: no slash at the end, and with its version segment, so that `/chat/completions` or `/messages`
 * can follow. `https://host` and `https://host/v1` mean the same; a path that holds a version anywhere (`/v1beta/openai`) stays.
 * Undefined for what is no http(s) URL, or holds credentials, a query or a fragment.
 */
export function normaliseBaseUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return undefined;
  const segments = url.pathname.split("/").filter((segment) => segment !== "");
  if (!segments.some((segment) => /^v\d+[a-z0-9]*$/.test(segment))) segments.push("v1");
  return `${url.origin}/${segments.join("/")}`;
}
