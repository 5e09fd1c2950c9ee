import { createServer } from "node:net";
import { StartError } from "./start-error.ts";

const HIGHEST_PORT = 65_535;

/** Reads a port as people write it. Throws a `StartError` that names where it came from. */
export function readPort(text: string, source: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text.trim()) || port > HIGHEST_PORT) {
    throw new StartError(`${source}=${text} is no port: give a number from 0 (any free one) to ${HIGHEST_PORT}`);
  }
  return port;
}

/** Resolves to true when nobody listens there on loopback. Port 0 is always free. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** A port that was free a moment ago. For programs that cannot pick one themselves. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(address)));
    });
  });
}

/** Throws a `StartError` where one of the ports is taken: before anything has been started. */
export async function requireFree(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (!(await isFree(port))) {
      const other = port >= HIGHEST_PORT - 10 ? 8787 : port + 10;
      throw new StartError(`port ${port} is taken: stop what listens there, or start with PORT=${other}`);
    }
  }
}
