/** A backend that dies after its first token, on a route that has another go on. */
import type { Exception, Expectation, Fault, Mode } from "../types.ts";
import { always, failed, LEFT, told } from "./sights.ts";

const CUT = "truncate,after={after},by=fin";
/** Legacy completions are not continued. */
const COMPLETIONS: readonly Exception[] = [
  { where: { format: "openai-completions", stream: true }, stays: [told("backend_cut")] },
  { where: { format: "openai-completions", stream: false }, stays: [failed("backend_cut")] },
];
const BROKEN_SEAM: Readonly<Record<Mode, Expectation>> = {
  ...always(failed("backend_cut")),
  streamed: [{ sees: "told", failure: "backend_cut", seam: true }],
};

const row = (fault: Pick<Fault, "id" | "title" | "backend" | "pacing" | "stays">): Fault => ({
  ...fault,
  group: "continuation",
  first: "steady",
  except: COMPLETIONS,
  leaves: [LEFT],
});

export const CONTINUATIONS: readonly Fault[] = [
  row({ id: "continued", title: "cut in the middle, continued", backend: CUT, stays: always({ sees: "continued" }) }),
  ...["repeat", "drop", "ignore"].map((seam) =>
    row({
      id: `seam-${seam}`,
      title: `continued by one that errs (${seam})`,
      backend: CUT,
      pacing: `[[sim:tokens=60]][[sim:tps=40]][[sim:seam=${seam}]]`,
      stays: BROKEN_SEAM,
    }),
  ),
];
