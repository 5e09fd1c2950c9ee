import type { Context } from "hono";
import { badRequest } from "../../../core/failure.ts";
import { ACTOR, type AdminDependencies } from "./dependencies.ts";
import { readBody } from "./input.ts";
import { refusal, reply } from "./replies.ts";
import { overlaySchema } from "./schemas.ts";

/** `GET /admin/v1/overlay`: null where none was ever published. */
export async function readOverlay(_context: Context, admin: AdminDependencies): Promise<Response> {
  const current = await admin.overlay.current();
  if (!current.ok) return refusal(current.failure);
  return reply(200, { object: "overlay", overlay: current.value ?? null });
}

/**
 * `PUT /admin/v1/overlay`: whole, with the next version number, so that two operators cannot overwrite each other unseen. 202 where
 * Redis could not be told: sending the same again tells it again.
 */
export async function publishOverlay(context: Context, admin: AdminDependencies): Promise<Response> {
  const body = await readBody(context, overlaySchema);
  if (!body.ok) return refusal(body.failure);
  const [misfit] = admin.misfits(body.value);
  if (misfit !== undefined) {
    const { path, reason } = misfit;
    return refusal(
      badRequest(
        `${path} does not fit the configuration of this gateway: ${reason}${reason.endsWith("?") ? "" : "."}`,
        path,
      ),
    );
  }
  const published = await admin.overlay.publish(body.value, ACTOR);
  if (!published.ok) return refusal(published.failure);
  const inEffect = await admin.overlayAnnouncer.publish(published.value);
  const pending = inEffect ? [] : ["redis"];
  return reply(inEffect ? 200 : 202, { object: "overlay", overlay: published.value, pending });
}
