import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { allowLists } from "../../../dev/tunnel/allow-list.ts";

const folder = join(import.meta.dirname, "../../../tunnels");
const file = (name: string) => readFileSync(join(folder, name), "utf8");

/** What the gateway sends to a vLLM, and what reads its health and load. */
const ASKED = [
  "POST /v1/chat/completions",
  "POST /v1/completions",
  "POST /v1/embeddings",
  "POST /v1/rerank",
  "POST /tokenize",
  "GET /health",
  "GET /load",
  "GET /metrics",
  "GET /v1/models",
];

// planted: /load missing in config.yml; a path in the Caddyfile that the tunnel does not let through
describe("the two allow-lists", () => {
  const { paths, calls } = allowLists();

  test("let through what the gateway asks for", () => {
    for (const call of ASKED)
      expect([call, calls.has(call), paths.test(call.split(" ")[1] ?? "")]).toEqual([call, true, true]);
  });

  test("name the same paths", () => {
    for (const call of calls) expect(call.split(" ")[1]).toMatch(paths);
    const named = new Set([...calls].map((call) => call.split(" ")[1]));
    const alternatives = paths.source.match(/[a-z]+(?:\\?\/[a-z]+)*/g)?.filter((word) => word !== "v");
    expect(named.size).toBe(alternatives?.length);
  });

  test("let nothing else through", () => {
    const others = [
      "/",
      "/v1",
      "/docs",
      "/v1/models/x",
      "/x/v1/models",
      "/v1/load_lora_adapter",
      "/invocations",
      "/metrics/",
      "/health\n/x",
    ];
    for (const path of others) expect(path).not.toMatch(paths);
  });
});

interface Compose {
  readonly services: Readonly<Record<string, { readonly image: string; readonly ports?: readonly string[] }>>;
}

// planted: an image of the newest version; vLLM's port published
test("compose pins every version, and publishes one port, on loopback, where the tunnel goes", () => {
  const { services } = parse(file("compose.yaml"), { merge: true }) as Compose;
  for (const { image } of Object.values(services)) expect(image).toMatch(/^[a-z/-]+:v?\d+\.\d+\.\d+/);
  const ports = Object.values(services).flatMap((service) => service.ports ?? []);
  expect(ports).toEqual(["127.0.0.1:8080:8080"]);
  const { ingress } = parse(file("config.yml")) as { ingress: { service: string }[] };
  expect(ingress[0]?.service).toBe("http://127.0.0.1:8080");
});

// planted: a value behind a name
test("no file holds a secret: examples hold names, and git ignores the files that hold values", () => {
  for (const line of file("vllm.env.example").split("\n")) expect(line).toMatch(/^(#.*|[A-Z_]+=|)$/);
  expect(file("compose.yaml")).not.toMatch(/^\s*- --api-key/m);
  const ignored = execFileSync("git", ["check-ignore", "tunnels/vllm.env"], {
    cwd: join(folder, ".."),
    encoding: "utf8",
  });
  expect(ignored.trim()).toBe("tunnels/vllm.env");
});
