import { asc, eq } from "drizzle-orm";
import type { RequestReader, StoredRequest } from "../../core/admin.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { failureOf, type Neon } from "./client.ts";
import { charges, requests } from "./schema.ts";

/** Single requests with their charges, as role `admin`. */
export class NeonRequests implements RequestReader {
  readonly #neon: Neon;

  constructor(neon: Neon) {
    this.#neon = neon;
  }

  async find(requestId: string): Promise<Result<StoredRequest>> {
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db.select().from(requests).where(eq(requests.id, requestId)),
        db.select().from(charges).where(eq(charges.requestId, requestId)).orderBy(asc(charges.ordinal)),
      ]),
    );
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    const [[row], parts] = outcome.value;
    if (row === undefined) {
      return fail({
        type: "caller_not_found",
        message: "The ledger has no such request (a request is written seconds after it ended).",
        param: "id",
      });
    }
    const { decisions, translations, id: _id, ...request } = row;
    return ok({
      request: known(request),
      charges: parts.map(({ requestId: _requestId, tenantId: _tenantId, ...charge }) => known(charge)),
      decisions,
      translations,
    });
  }
}

/** Without what is null, moments as ISO 8601. */
function known(row: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(row)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  );
}
