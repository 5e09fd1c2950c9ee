import { expect, it } from "vitest";
import { SseSplitter } from "../../../src/lib/sse.ts";
import { fieldsOnly } from "../../../src/lib/sse-lines.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const told = (frame: string): string | undefined => {
  const kept = fieldsOnly(encoder.encode(frame));
  return kept && decoder.decode(kept);
};

// planted: every frame that is not one data line rebuilt
it("gives a frame that is nothing but fields back as it is, the same bytes in the same memory", () => {
  for (const text of [
    'data: {"a":1}\n\n',
    'data:{"a":1}\r\n\r\n',
    "event: x\ndata: a\ndata: b\n\n",
    "\n\nid: 1\rretry: 5\rdata: a\r\r",
    "data: a\nid\n\n",
  ]) {
    const frame = encoder.encode(text);
    expect(fieldsOnly(frame)).toBe(frame);
  }
});

// planted: comments kept; what has a colon taken for a field; a field's name taken for its beginning
it("leaves out what is no field", () => {
  expect(told(": ping\ndata: a\n\n")).toBe("data: a\n\n");
  expect(told("data: a\n<!doctype html>\n<p>Ray ID: 1</p>\n\n")).toBe("data: a\n\n");
  expect(told("<html>\r\nevent: x\r\ndata: a\r\n\r\n")).toBe("event: x\r\ndata: a\r\n\r\n");
  expect(told("dataset: x\nevents\ndata: a\nX-Header: data: b\n\n")).toBe("data: a\n\n");
  expect(told(" data: b\ndata: a\n\n")).toBe("data: a\n\n");
});

// planted: a lone event handed on; empty data handed on
it("leaves out a frame without data", () => {
  for (const text of [
    ": ping\n\n",
    "<!doctype html>\n\n",
    "event: ping\n\n",
    "data:\n\n",
    "data: \n\n",
    "data\n\n",
    "\n\n",
  ])
    expect([text, told(text)]).toEqual([text, undefined]);
});

it("reads each frame alike, however its lines end", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const stream = [": a", "<p>", "data: 1", "", "<html>", "", "data: 2", "", ""].join(end);
    const frames = new SseSplitter().push(encoder.encode(`${stream}\n`));
    const kept = frames.flatMap((frame) => fieldsOnly(frame) ?? []).map((frame) => decoder.decode(frame).trim());
    expect(kept).toEqual(["data: 1", "data: 2"]);
  }
});
