import type * as z from "zod/mini";

/** One method of one path, as the document needs it. */
export interface Operation {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** With `{name}` for the parts that `params` describes. */
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  /** `client`: an API key; `operator`: the metrics token or the admin key; `admin`: the admin key. */
  readonly security: "client" | "operator" | "admin" | "none";
  readonly params?: Readonly<Record<string, z.core.$ZodType>>;
  /** An object whose fields are the parameters of the query string. */
  readonly query?: z.ZodMiniObject;
  readonly headers?: Readonly<Record<string, { readonly schema: z.core.$ZodType; readonly description: string }>>;
  readonly body?: z.core.$ZodType;
  readonly reply: {
    readonly status: number;
    readonly description: string;
    /** `application/json` where absent. */
    readonly mediaType?: string;
    /** True where the body's `stream` asks for server-sent events. */
    readonly streams?: boolean;
  };
  /** The second success of an operation: done in Postgres, and `pending` says what is left. */
  readonly accepted?: string;
  readonly errors: readonly number[];
}
