import { expect, test } from "vitest";
import { parseSeatsLoad, type SeatsLoad, seatsLoadText } from "../../../src/core/seats-load.ts";
import { loadGauges, seatsGauges } from "../../../src/stages/load-gauges.ts";
import { prometheusText } from "../../../src/telemetry/prometheus.ts";
import { PLAYED_CONFIG } from "../../support/pipeline.ts";

const STANDING: SeatsLoad = { count: 8, limit: 5, taken: 6, waiting: { "-10": 0, "0": 2, "10": 31, "7": 1 } };

// planted: a negative rank is no rank; a text that cannot be read is a machine without seats
test("what is written is what is read; anything else says nothing", () => {
  for (const standing of [STANDING, { ...STANDING, waiting: {} }])
    expect(parseSeatsLoad(seatsLoadText(standing))).toEqual(standing);
  for (const text of [null, 1, "", "8 5", "8 5 6 0", "8 5 6 0:x", `${seatsLoadText(STANDING)} `])
    expect(parseSeatsLoad(text)).toBeUndefined();
});

// planted: tiers of one rank named by the first; a tier without a priority not found
test("/metrics shows the seats, and who waits by tier", () => {
  const tier = (name: string, vllmPriority?: number) => ({ name, ...(vllmPriority !== undefined && { vllmPriority }) });
  const tiers = { best: tier("best", -10), free: tier("free", 10), plain: tier("plain"), other: tier("other", 0) };
  const config = { ...PLAYED_CONFIG, tiers } as unknown as typeof PLAYED_CONFIG;
  const lines = prometheusText(seatsGauges({ home: STANDING }, config)).split("\n");
  expect(lines.filter((line) => line.startsWith("gateway_seats"))).toEqual([
    'gateway_seats{backend="home",kind="count"} 8',
    'gateway_seats{backend="home",kind="limit"} 5',
    'gateway_seats{backend="home",kind="taken"} 6',
    'gateway_seats_waiting{backend="home",tier="7"} 1',
    'gateway_seats_waiting{backend="home",tier="best"} 0',
    'gateway_seats_waiting{backend="home",tier="free"} 31',
    'gateway_seats_waiting{backend="home",tier="plain,other"} 2',
  ]);
  expect([seatsGauges({}, config), loadGauges()]).toEqual([{}, {}]);
});
