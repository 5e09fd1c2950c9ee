import { admitSource } from "./lua/admit.ts";
import { claimSource, reportSource, returnProbeSource } from "./lua/breaker.ts";
import { acknowledgeSource, burySource, replaySource, sweepSource } from "./lua/ledger.ts";
import { openMoneySource, seedMoneySource } from "./lua/money.ts";
import { settleSource } from "./lua/settle.ts";
import { publishKeySource, publishOverlaySource } from "./lua/shared.ts";
import { Script } from "./script.ts";

/** Every script that the gateway and its Workers send to Redis. */
export const scripts = {
  admit: new Script(admitSource),
  settle: new Script(settleSource),
  sweep: new Script(sweepSource),
  acknowledge: new Script(acknowledgeSource),
  bury: new Script(burySource),
  replay: new Script(replaySource),
  openMoney: new Script(openMoneySource),
  seedMoney: new Script(seedMoneySource),
  reportBreaker: new Script(reportSource),
  claimBreaker: new Script(claimSource),
  returnProbe: new Script(returnProbeSource),
  publishKey: new Script(publishKeySource),
  publishOverlay: new Script(publishOverlaySource),
} as const;
