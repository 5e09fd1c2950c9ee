import type { Context } from "hono";
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

/** `PUT /admin/v1/overlay`: whole, with the next version number, so that two operators cannot overwrite each other unseen. */
export async function publishOverlay(context: Context, admin: AdminDependencies): Promise<Response> {
  const body = await readBody(context, overlaySchema);
  if (!body.ok) return refusal(body.failure);
  const published = await admin.overlay.publish(body.value, ACTOR);
  if (!published.ok) return refusal(published.failure);
  const { overlay, pending } = published.value;
  return reply(pending.length === 0 ? 200 : 202, { object: "overlay", overlay, pending });
}
