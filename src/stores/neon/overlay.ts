import { desc, sql } from "drizzle-orm";
import type { OverlayAdministration } from "../../core/admin.ts";
import type { Overlay } from "../../core/config.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { failureOf, type Neon } from "./client.ts";
import { configOverlays } from "./schema.ts";

/** Every overlay that was published: written as role `admin`, read as `app` too where Redis has lost its own. */
export class NeonOverlay implements OverlayAdministration {
  readonly #neon: Neon;

  constructor(neon: Neon) {
    this.#neon = neon;
  }

  async current(): Promise<Result<Overlay | undefined>> {
    const outcome = await this.#neon.run((db) =>
      db.select({ body: configOverlays.body }).from(configOverlays).orderBy(desc(configOverlays.version)).limit(1),
    );
    return outcome.kind === "ok" ? ok(outcome.value[0]?.body) : fail(failureOf(outcome));
  }

  async publish(overlay: Overlay, actor: string): Promise<Result<Overlay>> {
    const body = JSON.stringify(overlay);
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db.execute(sql`
          with published as (
            insert into config_overlays (version, body, author)
            select ${overlay.version}::bigint, ${body}::jsonb, ${actor}
            where ${overlay.version}::bigint = (select coalesce(max(version), 0) + 1 from config_overlays)
            on conflict do nothing
            returning version
          )
          insert into audit (actor, action, subject)
          select ${actor}, 'overlay.publish', version::text from published`),
        db.execute<{ newest: string | null; same: boolean }>(sql`
          select max(version)::text as newest,
            coalesce(bool_or(version = ${overlay.version}::bigint and body = ${body}::jsonb), false) as same
          from config_overlays`),
      ]),
    );
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    const state = outcome.value[1].rows[0];
    const newest = Number(state?.newest ?? 0);
    if (state?.same === true && newest === overlay.version) return ok(overlay);
    return fail({
      type: "caller_conflict",
      message: `The overlay in force has version ${newest}: build on it and send version ${newest + 1}.`,
      param: "version",
    });
  }
}
