import { describe, expect, it } from "vitest";
import { lingering } from "../../../src/http/linger.ts";

const CHUNK = new Uint8Array(65_536);

/** A request whose body has `chunks` more to come, and how many of them were taken. */
function upload(chunks: number): { readonly request: Request; readonly taken: () => number } {
  let taken = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (taken === chunks) return controller.close();
        taken += 1;
        controller.enqueue(CHUNK);
      },
    },
    { highWaterMark: 0 },
  );
  const request = new Request("http://gateway/v1/chat/completions", {
    method: "POST",
    body,
    duplex: "half",
  } as RequestInit);
  return { request, taken: () => taken };
}

const refusal = () => new Response("too large", { status: 413 });

describe("a reply to a body that was not read", () => {
  // planted: nothing drained
  it("reads what still comes before it ends", async () => {
    const { request, taken } = upload(20);
    const response = lingering(refusal(), request);
    expect([response.status, await response.text(), taken()]).toEqual([413, "too large", 20]);
  });

  // planted: a body that is locked asked for a reader, whose error broke the reply off
  it("is whole where somebody else reads the body, as wrangler's dev server does", async () => {
    const { request } = upload(20);
    const response = lingering(refusal(), request);
    const reader = request.body?.getReader();
    expect([response.status, await response.text()]).toEqual([413, "too large"]);
    await reader?.cancel();
  });
});
