import { CONNECTION_FAULTS } from "./connection.ts";
import { CONTENT_FAULTS } from "./content.ts";
import { ENDING_FAULTS } from "./endings.ts";
import type { Fault } from "./parameters.ts";
import { REFUSAL_FAULTS } from "./refusals.ts";
import { TUNNEL_FAULTS } from "./tunnel.ts";

/** Every fault that the simulated backends can show, by name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  ...CONNECTION_FAULTS,
  ...REFUSAL_FAULTS,
  ...TUNNEL_FAULTS,
  ...CONTENT_FAULTS,
  ...ENDING_FAULTS,
};

/** Faults that need no code here: they are a matter of which address the gateway is given. */
export const ADDRESS_FAULTS: Readonly<Record<string, string>> = {
  dns: "a base URL whose host never resolves: `http://simulated.invalid`",
  tls: "the backend's own port under `https://`: it speaks no TLS, so every handshake fails",
};
