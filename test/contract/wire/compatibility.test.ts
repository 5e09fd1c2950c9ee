import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { askAnswer, askRequest, BACKENDS, CLIENTS, compatibilityDocument } from "../../support/compatibility.ts";
import { ANSWER_FEATURES, LEAST, REQUEST_FEATURES } from "./features.ts";

/** What may be said of a verdict. */
const WORDS = {
  carried: [],
  mapped: ["mapped", "dropped"],
  dropped: ["dropped", "stripped"],
  refused: ["refused"],
} as const;

const requests = CLIENTS.flatMap((client) =>
  BACKENDS.flatMap((backend) => REQUEST_FEATURES.map((feature) => ({ client, backend, feature }))),
);

describe("what becomes of a feature", () => {
  // planted: `seed` left out of what is noted; a tool's mark of the prompt cache dropped without a word
  it("is said, wherever it does not arrive as it was", () => {
    const silent = requests.flatMap(({ client, backend, feature }) => {
      const asked = askRequest(feature, client.wire, backend);
      if (!asked || asked.verdict === "carried") return [];
      const plain = askRequest(
        { name: "", sample: { [client.wire]: {} }, pick: () => undefined },
        client.wire,
        backend,
      );
      const known = new Set(plain?.notes.map(({ field }) => field));
      const said = asked.notes.filter(({ field }) => field !== "" && !known.has(field)).map(({ what }) => what);
      const wanted = WORDS[asked.verdict];
      return said.some((what) => wanted.some((word) => word === what))
        ? []
        : [`${feature.name} from ${client.name} to ${backend.name}: ${asked.verdict}, said: ${said.join()}`];
    });
    expect(silent).toEqual([]);
  });

  // planted: citations left out of what an answer may lose
  it("is said of answers too", () => {
    const silent = ANSWER_FEATURES.flatMap((feature) =>
      CLIENTS.flatMap(({ wire: client }) =>
        CLIENTS.flatMap(({ wire: backend }) => {
          const asked = askAnswer(feature, client, backend);
          return asked?.verdict === "dropped" && asked.notes.every(({ what }) => what !== "dropped")
            ? [`${feature.name} from ${backend} to ${client}`]
            : [];
        }),
      ),
    );
    expect(silent).toEqual([]);
  });

  it("is asked of every format that has a least request, and of none that lacks one", () => {
    expect(Object.keys(LEAST)).toEqual(CLIENTS.map(({ wire }) => wire));
    for (const { name, sample } of [...REQUEST_FEATURES, ...ANSWER_FEATURES]) {
      expect(Object.keys(sample).length, name).toBeGreaterThan(0);
    }
  });

  // planted: a thinking budget without its effort
  it("is what docs/compatibility.md says: `npm run compatibility` writes it anew", () => {
    const committed = readFileSync(new URL("../../../docs/compatibility.md", import.meta.url), "utf8");
    expect(committed).toBe(compatibilityDocument());
  });
});
