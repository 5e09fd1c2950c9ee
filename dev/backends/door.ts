import type { Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** `open` accepts; `reset` accepts at the TCP level and resets at once; `closed` has no listener at all. */
export type DoorMode = "open" | "reset" | "closed";

/** The listener as a thing that can be shut, so that "the backend is down" can be played without a process dying. */
export class Door {
  readonly port: number;
  private mode: DoorMode = "open";
  private readonly server: Server;
  private reopening: NodeJS.Timeout | undefined;

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
    server.on("connection", (socket: Socket) => {
      if (this.mode === "reset") socket.resetAndDestroy();
    });
  }

  /** Listens on loopback; rejects when the port is taken. */
  static async open(server: Server, port: number): Promise<Door> {
    await listen(server, port);
    return new Door(server, (server.address() as AddressInfo).port);
  }

  /** Changes the mode; leaving `open` also cuts every connection there is. With `forMilliseconds` it opens again by itself. */
  async set(mode: DoorMode, forMilliseconds?: number): Promise<void> {
    clearTimeout(this.reopening);
    this.mode = mode;
    if (mode === "closed") {
      if (this.server.listening) this.server.close();
    } else if (!this.server.listening) await listen(this.server, this.port);
    if (mode !== "open") this.server.closeAllConnections();
    if (mode !== "open" && forMilliseconds !== undefined) {
      this.reopening = setTimeout(
        () =>
          void this.set("open").catch((error: unknown) =>
            console.error("simulated backend: could not listen again:", error),
          ),
        forMilliseconds,
      );
    }
  }

  /** Shuts it for good; every connection ends. */
  async shut(): Promise<void> {
    clearTimeout(this.reopening);
    await shut(this.server);
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Closes a server and its connections; a server that does not listen is already closed. */
export function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
