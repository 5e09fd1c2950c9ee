import type { Context } from "hono";
import type { Failure } from "../../core/failure.ts";
import type { WireName } from "../../core/wire.ts";
import { run } from "../../pipeline.ts";
import { strangerRefusal, tokenOf } from "../../stages/authenticate.ts";
import type { Gateway } from "../../stages/gateway.ts";
import { refuse } from "../../stages/refuse.ts";
import { wires } from "../../wire/registry.ts";
import { lingering } from "../linger.ts";
import { controlsOf, envelopeOf, mayBeLarge, readBody } from "../receive.ts";
import { toResponse } from "../respond.ts";

/** One route for every wire format: envelope, credentials present, controls, body, pipeline. */
export async function infer(context: Context, wireName: WireName, gateway: Gateway): Promise<Response> {
  const request = context.req.raw;
  const envelope = envelopeOf(request, wires[wireName], gateway, (promise) => context.executionCtx.waitUntil(promise));
  const refused = (failure: Failure) =>
    lingering(toResponse(refuse({ ...envelope, bytes: new Uint8Array(0) }, failure)), request);
  // Strangers without a credential, or with one that cannot be right, do not get to send us megabytes first.
  const token = tokenOf(envelope.credentials);
  if (!token.ok) return refused(token.failure);
  const controls = controlsOf(request.headers);
  if (!controls.ok) return refused(controls.failure);
  const stranger = mayBeLarge(request.headers)
    ? strangerRefusal(envelope.credentials, token.value, gateway)
    : undefined;
  if (stranger) return refused(stranger);
  const bytes = await readBody(request, gateway.config().limits, envelope.alarm);
  if (!bytes.ok) return refused(bytes.failure);
  return toResponse(await run({ ...envelope, controls: controls.value, bytes: bytes.value }, gateway));
}
