import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { callAdmin, findConnection } from "../../../cli/client.ts";

const folder = mkdtempSync(join(tmpdir(), "gateway-cli-"));
const readyFile = join(folder, "ready.json");
writeFileSync(readyFile, JSON.stringify({ gateway: "http://127.0.0.1:8787", adminKey: "local-admin" }));
const absent = join(folder, "absent.json");
afterAll(() => rmSync(folder, { recursive: true }));

describe("the gateway that the command line talks to", () => {
  it("is the local stack where nothing else is named", () => {
    expect(findConnection({}, {}, readyFile)).toEqual({ url: "http://127.0.0.1:8787", adminKey: "local-admin" });
  });

  // planted: the local key was used for every gateway
  it("never gets the local stack's key when it is another one", () => {
    expect(() => findConnection({ url: "https://gw.example.com" }, {}, readyFile)).toThrow("set GATEWAY_ADMIN_KEY");
    const environment = { GATEWAY_URL: "https://gw.example.com/v1", GATEWAY_ADMIN_KEY: "theirs" };
    expect(findConnection({}, environment, readyFile)).toEqual({ url: "https://gw.example.com", adminKey: "theirs" });
  });

  it("is asked for in words when none is known or its URL is none", () => {
    expect(() => findConnection({}, {}, absent)).toThrow("npm run dev");
    expect(() => findConnection({ url: "gw.example.com" }, {}, absent)).toThrow("not an http or https URL");
    expect(() => findConnection({ url: "ftp://gw.example.com" }, { ADMIN_KEY: "k" }, absent)).toThrow("not an http");
  });
});

describe("a call of the command line", () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  async function answering(status: number, body: string, headers: Record<string, string> = {}): Promise<string> {
    const server = createServer((_request, response) => response.writeHead(status, headers).end(body));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    closers.push(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  // planted: the status alone was printed
  it("says the gateway's own reason when it is refused", async () => {
    const url = await answering(404, JSON.stringify({ error: { message: "There is no such key." } }));
    await expect(callAdmin({ url, adminKey: "k" }, "/keys")).rejects.toThrow("There is no such key. (404)");
  });

  it("does not take a web page or a redirect for a gateway", async () => {
    const page = await answering(200, "<html>hello</html>");
    await expect(callAdmin({ url: page, adminKey: "k" }, "/keys")).rejects.toThrow("did not answer as a gateway");
    const redirect = await answering(302, "", { location: "https://login.example.com" });
    await expect(callAdmin({ url: redirect, adminKey: "k" }, "/keys")).rejects.toThrow("(302)");
  });

  // planted: the error of fetch was printed as it came
  it("names the gateway that cannot be reached, and not the key", async () => {
    const url = await answering(200, "{}");
    for (const close of closers.splice(0)) close();
    const call = callAdmin({ url, adminKey: "secret-key" }, "/keys");
    await expect(call).rejects.toThrow(`${url} cannot be reached`);
  });
});
