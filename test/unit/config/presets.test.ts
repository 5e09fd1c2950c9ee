import { describe, expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";
import { PRESETS } from "../../../src/config/presets.ts";

function fileWith(entry: string): string {
  return `
backends:
  some: {${entry}}
routes:
  r: {targets: [{backend: some, model: m, price: {inputPerMillion: 1, outputPerMillion: 2}}]}
tiers:
  free: {}
defaultTier: free
`;
}

function backendOf(entry: string) {
  const result = compileConfig(fileWith(entry), "x.yaml");
  if (!result.ok) throw new Error(result.problems.map(({ text }) => text).join("\n"));
  return result.config.backends.some;
}

describe("presets", () => {
  // planted: a quirk misspelt in the preset of groq
  test.each(Object.keys(PRESETS))("%s is a whole backend by its name alone", (preset) => {
    expect(backendOf(`preset: ${preset}`)).toMatchObject({ name: "some", transport: expect.any(String) });
  });

  test("fill in what the entry does not say", () => {
    expect(backendOf("preset: groq")).toMatchObject({
      formats: ["openai-chat"],
      baseUrl: { env: "GROQ_BASE_URL", default: "https://api.groq.com/openai/v1" },
      auth: { scheme: "bearer", secret: "GROQ_API_KEY", optional: false },
      quirks: ["no-n", "no-logprobs", "no-names"],
      collectJson: "whereFollowed",
      imageUrls: "https-only",
    });
    for (const own of ["vllm", "ollama", "llama.cpp"]) {
      expect(backendOf(`preset: ${own}`)).toMatchObject({ imageUrls: "refuse", collectJson: "always" });
    }
  });

  // planted: the preset spread over the entry; deadlines not merged
  test("give way to what the entry says, member by member", () => {
    const entry =
      'preset: openai, baseUrl: {url: "http://127.0.0.1:2"}, quirks: [no-n], imageUrls: pass, collectJson: always, deadlines: {totalMs: 60000}, headers: {X-A: {value: b}}';
    expect(backendOf(entry)).toMatchObject({
      baseUrl: { url: "http://127.0.0.1:2" },
      auth: { secret: "OPENAI_API_KEY" },
      quirks: ["no-n"],
      imageUrls: "pass",
      collectJson: "always",
      deadlines: { connectMs: 30_000, totalMs: 60_000 },
      headers: { "x-a": { value: "b" } },
    });
  });

  // planted: an unknown preset passed over
  test("that do not exist are named with their line, and the nearest that does", () => {
    const result = compileConfig(
      fileWith('preset: mistrl, formats: [openai-chat], baseUrl: {url: "http://h.example"}'),
      "x.yaml",
    );
    expect(result.ok ? [] : result.problems.map(({ text }) => text)).toEqual([
      'x.yaml:3: backends.some.preset: no preset is named "mistrl"; did you mean "mistral"?',
    ]);
  });

  // planted: what the preset would have had named as missing, in its place or beside it
  test("that do not exist are all that is said of a backend by its preset alone", () => {
    const said = (entry: string) => {
      const result = compileConfig(fileWith(entry), "x.yaml");
      return result.ok ? [] : result.problems.map(({ text }) => text);
    };
    expect(said("preset: olama")).toEqual([
      'x.yaml:3: backends.some.preset: no preset is named "olama"; did you mean "ollama"?',
    ]);
    expect(said("preset: zzz, quirks: [nope]")).toEqual([
      expect.stringMatching(/no preset is named "zzz"; known are vllm, ollama, /),
      expect.stringContaining("quirks[0]: must be one of"),
    ]);
  });

  test("a private server's images stay refused where no preset says so", () => {
    const plain = 'formats: [openai-chat], baseUrl: {url: "http://h.example"}';
    expect(backendOf(`${plain}, quirks: [vllm]`)?.imageUrls).toBe("refuse");
    expect(backendOf(plain)?.imageUrls).toBe("https-only");
    expect(backendOf(`${plain}, quirks: [vllm], imageUrls: pass`)?.imageUrls).toBe("pass");
  });

  // planted: the check of `priorityScheduling` left out
  test("priority scheduling is vLLM's", () => {
    expect(backendOf("preset: vllm, priorityScheduling: true")?.priorityScheduling).toBe(true);
    expect(compileConfig(fileWith("preset: groq, priorityScheduling: true"), "x.yaml").ok).toBe(false);
  });
});
