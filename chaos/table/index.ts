/** The fault table: every row of the matrix, in the order in which it is run. */
import type { Fault } from "../types.ts";
import { BACKEND_FAULTS } from "./backends.ts";
import { CLIENT_FAULTS } from "./clients.ts";
import { CONTINUATIONS } from "./continuations.ts";
import { ISOLATE_FAULTS } from "./isolates.ts";
import { ROUTING_FAULTS } from "./routing.ts";
import { FLUSHES, STORE_FAULTS } from "./stores.ts";
import { TUNNEL_FAULTS } from "./tunnels.ts";

export const FAULTS: readonly Fault[] = [
  ...BACKEND_FAULTS,
  ...TUNNEL_FAULTS,
  ...CONTINUATIONS,
  ...ROUTING_FAULTS,
  ...CLIENT_FAULTS,
  ...STORE_FAULTS,
  ...ISOLATE_FAULTS,
  ...FLUSHES,
];
