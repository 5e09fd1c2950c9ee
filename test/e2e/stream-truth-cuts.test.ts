import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CallerFormat, chatRequest, readFailure, readStream, textOfAnswer } from "../support/caller.ts";
import { type Player, promptOf, type Recording, startPlayer } from "../support/player.ts";
import { type RecordedCase, socketCases } from "../support/recorded.ts";
import { pastStores, startTestStack, type TestStack } from "../support/stack.ts";
import { seeded, together } from "../support/together.ts";
import { truthOf } from "../support/truth.ts";

/**
 * Recorded streams on real sockets, through the built Worker, cut and split. A seeded sample of the byte positions; CUTS=40 adds so many for each
 * stream and caller, FULL=1 takes all of them (an hour or more). Every position without sockets: test/unit/pipeline.
 */
const FULL = process.env.FULL === "1";
const FURTHER_CUTS = Number(process.env.CUTS ?? 0);
/** With all positions one in so many is asked again. */
const AGAIN_EVERY = FULL ? 10 : 1;
const SEED = 20261121;
const AT_ONCE = 24;
const ENDINGS = ["fin", "clean", "reset"] as const;
const ALIAS = { "openai-chat": "recorded", "anthropic-messages": "recorded-claude" } as const;

let player: Player;
let stack: TestStack;

beforeAll(async () => {
  player = await startPlayer();
  const gatewayEnv = { RECORDED_OPENAI_URL: player.url, RECORDED_ANTHROPIC_URL: player.url };
  stack = await startTestStack({ gatewayEnv });
});

afterAll(async () => {
  await stack?.stop();
  await player?.close();
});

interface Probe {
  readonly recorded: RecordedCase<CallerFormat>;
  readonly stream: boolean;
  readonly recording: Recording;
}

interface Answer {
  readonly requestId: string;
  readonly status: number;
  readonly cache: string | null;
  readonly body: string;
}

async function ask({ recorded, stream, recording }: Probe, headers: Record<string, string> = {}): Promise<Answer> {
  const { caller, backend, fixture } = recorded;
  const more = fixture.choices > 1 ? { n: fixture.choices } : {};
  const { path, body } = chatRequest(caller, ALIAS[backend], promptOf(recording), stream, more);
  const { response, text } = await pastStores(() => stack.post(path, body, headers));
  return {
    requestId: response.headers.get("x-request-id") ?? "",
    status: response.status,
    cache: response.headers.get("x-gateway-cache"),
    body: text,
  };
}

function probesOf(recorded: RecordedCase<CallerFormat>, index: number): Probe[] {
  const { backend, fixture } = recorded;
  const { completeAt = fixture.bytes.length + 1 } = truthOf(backend, fixture);
  const random = seeded(SEED + index);
  const between = (from: number, to: number) => from + Math.floor(random() * (to - from));
  return [true, false].flatMap((stream, mode) => {
    const sample = [between(0, completeAt >> 1), between(completeAt >> 1, completeAt), completeAt - 1];
    if (fixture.answer) sample.push(completeAt, between(completeAt, fixture.bytes.length + 1));
    for (let more = 0; more < FURTHER_CUTS; more++) sample.push(between(0, fixture.bytes.length + 1));
    // Each position once: asked again it would be answered from the cache.
    const cuts = FULL ? Array.from({ length: fixture.bytes.length + 1 }, (_, cut) => cut) : [...new Set(sample)];
    return cuts.map((cut, place) => {
      const by = ENDINGS[(index + mode + place) % ENDINGS.length] ?? "fin";
      // Behind the finish the bytes before an RST must have been read, or the cut was an earlier one.
      const lingerMs = cut >= completeAt ? 400 : 10;
      const recording = { format: backend, fixture: fixture.name, cut, by, lingerMs, salt: `${stream}` };
      return { recorded, stream, recording };
    });
  });
}

const nameOf = ({ recorded, stream, recording }: Probe) =>
  `${JSON.stringify(recording)} for ${recorded.caller}, ${stream ? "streamed" : "collected"}`;

/** Throws where the answer to a cut stream is not the truth about it. */
async function judge(probe: Probe, index: number): Promise<"failed" | "complete"> {
  const { recorded, stream, recording } = probe;
  const { caller, backend, fixture } = recorded;
  const truth = truthOf(backend, fixture);
  const cut = recording.cut ?? 0;
  const isComplete = cut >= (truth.completeAt ?? Number.POSITIVE_INFINITY);
  const answer = await ask(probe);
  const hasToken = stream && answer.status === 200;
  const told = hasToken ? readStream(caller, answer.body) : undefined;
  if (isComplete) {
    expect(answer.status).toBe(200);
    if (told) expect(told).toMatchObject({ closed: true, text: truth.text, finished: fixture.choices });
    else if (fixture.choices === 1) expect(textOfAnswer(caller, answer.body)).toBe(truth.text);
  } else if (told) {
    expect(told.closed).toBe(false);
    expect(told.error?.type).toMatch(/error$/);
    expect(truth.text.startsWith(told.text)).toBe(true);
  } else {
    expect(answer.status).toBeGreaterThanOrEqual(500);
    readFailure(caller, answer.body);
  }

  const { request, charges } = await stack.stored(answer.requestId, 30_000);
  expect(charges.length, `${answer.status} ${answer.body}`).toBe(1);
  if (isComplete) {
    expect(request).toMatchObject({
      outcome: "completed",
      estimated: cut < (truth.usageAt ?? Number.POSITIVE_INFINITY),
    });
  } else {
    expect(request).toMatchObject({ outcome: "failed", failure: expect.stringMatching(/^backend_/) });
    expect(charges[0]).toMatchObject({ outcome: "failed" });
    if (told)
      expect(request).toMatchObject({ estimated: true, outputTokens: expect.toSatisfy((count: number) => count > 0) });
  }

  if (index % AGAIN_EVERY > 0) return isComplete ? "complete" : "failed";
  const before = player.calls();
  const again = await ask(probe);
  if (isComplete) expect(again).toMatchObject({ status: 200, cache: "HIT" });
  else expect([again.status, again.cache === "HIT", player.calls() > before]).toEqual([answer.status, false, true]);
  return isComplete ? "complete" : "failed";
}

describe("a recorded stream that is cut on the wire", () => {
  // planted: the end of the bytes taken for the end of the answer once it had begun
  it("is an error before its last finish and complete behind it: to the caller, in the ledger, in the cache", async () => {
    const probes = socketCases.flatMap(probesOf);
    const seen = await together(probes, AT_ONCE, (probe, index) =>
      judge(probe, index).catch((error) => {
        throw new Error(`${nameOf(probe)}: ${String(error)}`, { cause: error });
      }),
    );
    const failed = seen.filter((outcome) => outcome === "failed").length;
    console.log(`${seen.length} cuts: ${failed} errors, ${seen.length - failed} complete`);
    expect(failed).toBeGreaterThan(seen.length / 3);
    expect(failed).toBeLessThan(seen.length);
  }, 7_200_000);

  /** Ids and times that are the gateway's own. */
  const plain = (body: string) =>
    body.replaceAll(/req_[0-9A-Z]{26}/g, "req").replaceAll(/"created":\d+/g, '"created":0');

  // planted: where the splitter stands forgotten between two chunks
  it("gives the same bytes however it is split", async () => {
    const probes = socketCases.flatMap((recorded, index) =>
      [true, false].map((stream) => ({ recorded, stream, random: seeded(SEED + index) })),
    );
    await together(probes, AT_ONCE, async ({ recorded, stream, random }) => {
      const { backend, fixture } = recorded;
      const { length } = fixture.bytes;
      const recording = { format: backend, fixture: fixture.name };
      const off = { "x-gateway-cache": "off" };
      const whole = await ask({ recorded, stream, recording }, off);
      const sample = [Math.floor(random() * length), Math.floor(random() * length)];
      const splits: Partial<Recording>[] = (FULL ? [...fixture.bytes.keys()] : sample).map((at) => ({ at }));
      for (const split of [...splits, { every: 1 }, { every: 7 }]) {
        const answer = await ask({ recorded, stream, recording: { ...recording, ...split } }, off);
        expect([answer.status, plain(answer.body)], JSON.stringify(split)).toEqual([whole.status, plain(whole.body)]);
      }
    });
  }, 7_200_000);
});

describe("a recorded stream that falls silent with its connection open", () => {
  // Of the fixtures whose usage comes in a frame of its own, behind the finish.
  const cases = socketCases.filter(({ name }) => name === "text" || name === "usage-last");

  // planted: silence that counts against a stream that has finished
  it("is complete behind its finish, with what it said of its usage, and a failure before it", async () => {
    const probes = cases.flatMap((recorded) =>
      [true, false].flatMap((stream) => {
        const { backend, fixture } = recorded;
        const { completeAt = 0 } = truthOf(backend, fixture);
        return [completeAt - 1, completeAt].map((cut): Probe => {
          const recording = { format: backend, fixture: fixture.name, cut, by: "silence" as const, salt: `${stream}` };
          return { recorded, stream, recording };
        });
      }),
    );
    const seen = await together(probes, probes.length, async (probe) => {
      try {
        const { caller, backend, fixture } = probe.recorded;
        const { completeAt = 0, usageAt = Number.POSITIVE_INFINITY, text } = truthOf(backend, fixture);
        const isComplete = probe.recording.cut === completeAt;
        const answer = await ask(probe);
        const told = probe.stream ? readStream(caller, answer.body) : undefined;
        const { request } = await stack.stored(answer.requestId, 30_000);
        if (isComplete) {
          expect(told ? [told.closed, told.text] : textOfAnswer(caller, answer.body)).toEqual(
            told ? [true, text] : text,
          );
          expect(request).toMatchObject({ outcome: "completed", estimated: completeAt < usageAt });
        } else {
          expect(told ? told.error?.message : readFailure(caller, answer.body).message).toBeTruthy();
          expect(request).toMatchObject({ outcome: "failed", failure: "backend_timeout", estimated: true });
        }
        return isComplete;
      } catch (error) {
        throw new Error(`${nameOf(probe)}: ${String(error)}`, { cause: error });
      }
    });
    expect(seen.filter((isComplete) => isComplete).length).toBe(seen.length / 2);
  });
});

describe("the official SDKs", () => {
  const formats = ["openai-chat", "anthropic-messages"] as const;
  const cases = formats.flatMap((backend) => ENDINGS.map((by) => ({ backend, by })));

  /** Bytes of `multibyte` up to the middle of its third quarter: some text has been said by then. */
  const recordingOf = (backend: CallerFormat, by: (typeof ENDINGS)[number]): Recording => {
    const fixture = socketCases.find((one) => one.backend === backend && one.name === "multibyte")?.fixture;
    const { completeAt = 0 } = fixture ? truthOf(backend, fixture) : {};
    return { format: backend, fixture: "multibyte", cut: Math.floor(completeAt * 0.7), by, lingerMs: 50 };
  };

  // planted: the failure written as a comment
  it.each(cases)("openai throws its APIError in the middle of a stream from $backend cut by $by", async (one) => {
    const { model, content } = { model: ALIAS[one.backend], content: promptOf(recordingOf(one.backend, one.by)) };
    const stream = await stack.openai.chat.completions.create({
      model,
      stream: true,
      messages: [{ role: "user", content }],
    });
    let text = "";
    const reading = (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    })();
    await expect(reading).rejects.toBeInstanceOf(OpenAI.APIError);
    expect(text).not.toBe("");
    const collecting = stack.openai.chat.completions.create({ model, messages: [{ role: "user", content }] });
    await expect(collecting).rejects.toBeInstanceOf(OpenAI.InternalServerError);
  });

  // planted: the failure written under the name of a ping
  it.each(cases)(
    "@anthropic-ai/sdk throws its APIError in the middle of a stream from $backend cut by $by",
    async (one) => {
      const { model, content } = { model: ALIAS[one.backend], content: promptOf(recordingOf(one.backend, one.by)) };
      const wish = { model, max_tokens: 64, messages: [{ role: "user" as const, content }] };
      let text = "";
      const reading = (async () => {
        for await (const event of await stack.anthropic.messages.create({ ...wish, stream: true })) {
          if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
        }
      })();
      await expect(reading).rejects.toBeInstanceOf(Anthropic.APIError);
      expect(text).not.toBe("");
      await expect(stack.anthropic.messages.create(wish)).rejects.toBeInstanceOf(Anthropic.InternalServerError);
    },
  );
});
