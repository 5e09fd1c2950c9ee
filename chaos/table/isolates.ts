/** The process dies between two awaits. Which two is made certain by what the other side of the wait is told to do. */
import type { Expectation, Fault } from "../types.ts";
import { ANSWER, always, broke, LEFT, UNHEARD } from "./sights.ts";

type Row = Pick<Fault, "id" | "title" | "orders" | "backend" | "pacing" | "departure"> & {
  readonly stays: Expectation;
  readonly leaves: Expectation;
};

const gateway = (fault: string) => ({ redis: { faults: [{ fault, token: "gateway" }] } });
/** Everybody has been admitted when the settlements meet their fault, and those have been sent when the process dies. */
const SETTLING = "[[sim:ttft=1500]][[sim:tokens=12]]";
const EARLY = { at: 150, how: "reset" } as const;

const ROWS: readonly Row[] = [
  {
    id: "dies-unasked",
    title: "dies before Redis is asked",
    orders: [
      { atMs: 0, ...gateway("hang") },
      { atMs: 500, kill: "gateway" },
    ],
    stays: [broke("nothing")],
    departure: EARLY,
    leaves: [UNHEARD],
  },
  {
    id: "dies-admitted",
    title: "dies before Redis' answer is heard",
    orders: [
      { atMs: 0, ...gateway("hangAfter") },
      { atMs: 500, kill: "gateway" },
    ],
    stays: [broke("abandoned")],
    departure: EARLY,
    leaves: [LEFT, UNHEARD, { sees: "left", booked: "abandoned" }],
  },
  {
    id: "dies-asking",
    title: "dies while a backend is silent",
    backend: "never-answers",
    orders: [{ atMs: 1_200, kill: "gateway" }],
    stays: [broke("abandoned")],
    departure: { at: 400, how: "reset" },
    leaves: [LEFT],
  },
  {
    id: "dies-answering",
    title: "dies while an answer runs",
    pacing: "[[sim:tokens=150]][[sim:tps=60]]",
    orders: [{ atMs: 1_200, kill: "gateway" }],
    stays: [broke("abandoned")],
    leaves: [LEFT],
  },
  {
    id: "dies-settling",
    title: "dies before its settlement is taken",
    pacing: SETTLING,
    orders: [
      { atMs: 1_300, ...gateway("hang") },
      { atMs: 2_200, kill: "gateway" },
    ],
    stays: [ANSWER],
    departure: { at: 700, how: "reset" },
    leaves: [LEFT],
  },
  {
    id: "dies-settled",
    title: "dies before its settlement is confirmed",
    pacing: SETTLING,
    orders: [
      { atMs: 1_300, ...gateway("hangAfter") },
      { atMs: 2_200, kill: "gateway" },
    ],
    stays: [ANSWER],
    departure: { at: 700, how: "reset" },
    leaves: [LEFT],
  },
  {
    id: "ledger-dies",
    title: "the ledger dies as it writes",
    orders: [{ atMs: 100, everyMs: 500, kill: "ledger" }],
    stays: [ANSWER],
    leaves: [LEFT],
  },
];

export const ISOLATE_FAULTS: readonly Fault[] = ROWS.map(({ stays, ...row }) => ({
  ...row,
  group: "isolate",
  gateway: 1,
  stays: always(...stays),
}));
