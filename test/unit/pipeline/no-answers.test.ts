import { describe, expect, it } from "vitest";
import { play } from "../../support/pipeline.ts";

/** What comes with status 200 and is no answer: named for what it is, and not owed for. */

const CALLER = { caller: "openai-chat", backend: "openai-chat", stream: false } as const;

describe("a body that is no answer", () => {
  // planted: an empty JSON body told as one that is not JSON
  it.each(["application/json", "text/event-stream"])("is a cut where it is empty (%s)", async (type) => {
    const played = await play(CALLER, () => new Response("", { headers: { "content-type": type } }));
    expect([played.status, played.event.failure]).toEqual([502, "backend_cut"]);
    expect(played.event.costNanoUsd).toBe(0);
  });

  // planted: the bytes of a page taken for an answer's
  it("is not charged for where it is a page that breaks off", async () => {
    const played = await play(CALLER, () => {
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (controller.desiredSize === 0) controller.enqueue(new TextEncoder().encode("<html>".repeat(1_000)));
            controller.error(new Error("connection reset by a test"));
          },
        },
        { highWaterMark: 0 },
      );
      return new Response(body, { headers: { "content-type": "text/html" } });
    });
    expect([played.status, played.event.costNanoUsd]).toEqual([502, 0]);
  });
});
