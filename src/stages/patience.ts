import type { Alarm } from "../core/ports.ts";

/** An answer is kept by the settlement, which runs beside the answer's end: whoever asks for it at once may come first. */
const ASKED_AGAIN_MS = [50, 250];

/** Asks for a kept answer, and again where there is none yet: what is there costs no wait. */
export async function patiently<Reply extends { readonly kind: string }>(
  ask: () => Promise<Reply>,
  alarm: Alarm,
): Promise<Reply> {
  let reply = await ask();
  for (const delayMs of ASKED_AGAIN_MS) {
    if (reply.kind !== "unknown") break;
    await new Promise<void>((resolve) => alarm.after(delayMs, resolve));
    reply = await ask();
  }
  return reply;
}
