/** What the gateway would send with every call. Absent: not given. */
export interface Credentials {
  readonly accessId?: string | undefined;
  readonly accessSecret?: string | undefined;
  readonly apiKey?: string | undefined;
}

/** A reply, read to its end. */
export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly server: string;
  readonly location: string;
  readonly body: string;
}

/** Which credentials a call leaves out, or replaces. */
export interface CallOptions {
  readonly method?: "GET" | "POST";
  readonly body?: unknown;
  /** `wrong`: an id that may be known, with another secret. */
  readonly access?: "as given" | "none" | "wrong";
  readonly key?: "as given" | "none" | "wrong";
  readonly signal?: AbortSignal;
}

/** The way to vLLM as the gateway takes it: its headers, no redirect followed, nothing compressed. */
export interface Door {
  open(path: string, options?: CallOptions): Promise<Response>;
  /** As `open`, read whole. A connection that fails is told as a status of 0. */
  ask(path: string, options?: CallOptions): Promise<Reply>;
}

const PATIENCE_MS = 30_000;

export function doorTo(url: string, credentials: Credentials): Door {
  const base = url.replace(/\/+$/, "").replace(/\/v1$/, "");
  const open = (path: string, options: CallOptions = {}) =>
    fetch(`${base}${path}`, {
      method: options.method ?? (options.body === undefined ? "GET" : "POST"),
      headers: headersOf(credentials, options),
      redirect: "manual",
      signal: options.signal ?? AbortSignal.timeout(PATIENCE_MS),
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    });
  return {
    open,
    async ask(path, options) {
      try {
        const response = await open(path, options);
        const header = (name: string) => response.headers.get(name) ?? "";
        return {
          status: response.status,
          type: header("content-type"),
          server: header("server"),
          location: header("location"),
          body: await response.text(),
        };
      } catch (error) {
        return { status: 0, type: "", server: "", location: "", body: reasonOf(error) };
      }
    },
  };
}

function headersOf({ accessId, accessSecret, apiKey }: Credentials, options: CallOptions): Record<string, string> {
  const { access = "as given", key = "as given" } = options;
  const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "llm-gateway" };
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (access !== "none" && accessId) {
    headers["CF-Access-Client-Id"] = accessId;
    headers["CF-Access-Client-Secret"] = access === "wrong" ? "0".repeat(64) : (accessSecret ?? "");
  }
  if (key === "wrong") headers.authorization = "Bearer not-the-key";
  else if (key === "as given" && apiKey) headers.authorization = `Bearer ${apiKey}`;
  return headers;
}

/** Node's `fetch` says "fetch failed" and keeps the reason as the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
  return cause.name === "TimeoutError" ? `no answer within ${PATIENCE_MS / 1000} s` : code;
}
