import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Neon, type Outcome } from "../../../../src/stores/neon/client.ts";

let server: Server;
let neon: Neon;
let answer: (response: ServerResponse) => void = (response) => response.end();

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on("end", () => answer(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  neon = new Neon({
    connectionString: `postgresql://app:local@client.test:${port}/gateway`,
    fetchEndpoint: `http://127.0.0.1:${port}/sql`,
    timeoutMs: 300,
  });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const CALLS: Readonly<Record<string, () => Promise<Outcome<unknown>>>> = {
  "one query": () => neon.run((db) => db.execute(sql`select ${"hunter2"}::text`)),
  "a batch": () => neon.run((db) => db.batch([db.execute(sql`select ${"hunter2"}::text`)])),
  "a tenant's transaction": () => neon.runAs("acme", (db) => [db.execute(sql`select ${"hunter2"}::text`)]),
};

const FAULTS: Readonly<Record<string, [(response: ServerResponse) => void, string]>> = {
  "a page where JSON was due": [(response) => response.end("<html>hunter2</html>"), "network"],
  "JSON of another shape": [(response) => response.end("{}"), "network"],
  null: [(response) => response.end("null"), "network"],
  "a refusal that is not JSON": [(response) => response.writeHead(400).end("<html>hunter2</html>"), "network"],
  "a body that is cut midway": [
    (response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"fields":[');
      setTimeout(() => response.destroy(), 20);
    },
    "network",
  ],
  "headers, and then silence": [
    (response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"fields":[');
    },
    "timeout",
  ],
};

describe("Postgres behind a way that is unwell", () => {
  const table = Object.keys(FAULTS).flatMap((fault) => Object.keys(CALLS).map((call) => [fault, call] as const));

  // planted: told by `name` alone (drizzle's wrapping is called "Error"); plain driver errors of a batch thrown on
  it.each(table)("is unavailable after %s, asked by %s, in words that quote nothing", async (fault, call) => {
    const [play, detail] = FAULTS[fault] ?? [];
    if (play) answer = play;
    expect(await CALLS[call]?.()).toEqual({ kind: "unavailable", detail });
  });

  // planted: the queries built inside of the try
  it("is not blamed for a bug in what builds the query", async () => {
    const bug = () => {
      throw new TypeError("ours");
    };
    await expect(neon.run(bug)).rejects.toThrow("ours");
    await expect(neon.runAs("acme", bug)).rejects.toThrow("ours");
  });
});
