/** What stands between the gateway and a backend answers in its place, or a backend that has too much to do. */
import type { Fault, Sight } from "../types.ts";
import { always, FALLBACK, failed, LEFT } from "./sights.ts";

/** Each once at the first target and once at all of them: HTML that a fallback hides would not be seen otherwise. */
const INSTEAD: readonly {
  readonly id: string;
  readonly title: string;
  readonly backend: string;
  readonly end: string;
}[] = [
  { id: "502", title: "tunnel 502, HTML", backend: "tunnel-bad-gateway", end: "backend_unavailable" },
  { id: "502-json", title: "tunnel 502, JSON", backend: "tunnel-bad-gateway,as=json", end: "backend_unavailable" },
  { id: "530", title: "tunnel 530/1033, HTML", backend: "tunnel-down", end: "backend_unavailable" },
  { id: "530-text", title: "tunnel 530/1033, text", backend: "tunnel-down,as=text", end: "backend_unavailable" },
  { id: "530-json", title: "tunnel 530/1033, JSON", backend: "tunnel-down,as=json", end: "backend_unavailable" },
  { id: "524", title: "tunnel 524, HTML", backend: "tunnel-timeout", end: "backend_unavailable" },
  { id: "524-json", title: "tunnel 524, JSON", backend: "tunnel-timeout,as=json", end: "backend_unavailable" },
  { id: "302", title: "Access 302", backend: "access-login", end: "backend_unavailable" },
  { id: "403", title: "Access 403, HTML", backend: "access-forbidden", end: "backend_unavailable" },
  { id: "307", title: "a redirect elsewhere", backend: "redirect", end: "backend_unavailable" },
  { id: "500", title: "500", backend: "server-error", end: "backend_unavailable" },
  { id: "401", title: "401 (ours to mend)", backend: "unauthorized", end: "backend_unauthorized" },
  { id: "429", title: "429, Retry-After 1 s", backend: "rate-limited", end: "backend_overloaded" },
  { id: "429-date", title: "429, a date", backend: "rate-limited,retry=date,seconds=1", end: "backend_overloaded" },
  { id: "429-huge", title: "429, a year", backend: "rate-limited,retry=huge", end: "backend_overloaded" },
  { id: "429-garbage", title: "429, garbage", backend: "rate-limited,retry=garbage", end: "backend_overloaded" },
  { id: "quota", title: "429, quota spent", backend: "quota-exhausted", end: "backend_unavailable" },
  { id: "503", title: "503, queue full", backend: "queue-full", end: "backend_overloaded" },
  { id: "503-html", title: "503, nobody behind, HTML", backend: "no-upstream", end: "backend_unavailable" },
  { id: "503-text", title: "503, nobody behind, text", backend: "no-upstream,as=text", end: "backend_unavailable" },
  { id: "503-empty", title: "503 and nothing", backend: "no-upstream,as=empty", end: "backend_unavailable" },
  { id: "404", title: "404: another model is served", backend: "unknown-model", end: "backend_unavailable" },
];

const row = (fault: Omit<Fault, "group" | "stays" | "leaves">, ...sights: readonly Sight[]): Fault => ({
  ...fault,
  group: "tunnel",
  stays: always(...sights),
  leaves: [LEFT],
  again: "as said",
});

export const TUNNEL_FAULTS: readonly Fault[] = [
  ...INSTEAD.map(({ id, title, backend }) => row({ id, title, backend }, FALLBACK)),
  ...INSTEAD.map(({ id, title, backend, end }) =>
    row({ id: `${id}-all`, title: `${title}, everywhere`, backend, where: "everywhere" }, failed(end)),
  ),
  row(
    { id: "500-burst", title: "500 twice, everywhere", backend: "server-error,times=1", where: "everywhere" },
    failed("backend_unavailable"),
  ),
  // The last backend is asked once more where the retry budget has one, which is for the requests beside it to say as well.
  row(
    {
      id: "429-once",
      title: "429 once, everywhere",
      backend: "rate-limited,retry-after-ms=50,times=1",
      where: "everywhere",
    },
    FALLBACK,
    failed("backend_overloaded"),
  ),
  row(
    { id: "refuse-once", title: "resets once, everywhere", backend: "refuse,times=1", where: "everywhere" },
    FALLBACK,
    failed("backend_unavailable"),
  ),
];
