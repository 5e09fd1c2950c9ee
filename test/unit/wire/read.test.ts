import { expect, test } from "vitest";
import { type Complaint, Fields } from "../../../src/wire/read.ts";

// planted: `each` went on behind a complaint, and fifty bodies of 90,000 empty messages took the process to a gigabyte.
test("a list is read up to the first thing that is wrong", () => {
  const complaint: Complaint = { failure: undefined };
  const fields = new Fields({ list: [{ a: "x" }, {}, ...Array.from({ length: 1_000 }, () => ({}))] }, "", complaint);
  let read = 0;
  const elements = fields.each("list", (element) => {
    read++;
    return element.text("a") ?? element.missing("a");
  });
  expect(read).toBe(2);
  expect(elements).toEqual(["x", undefined]);
  expect(complaint.failure?.param).toBe("list[1].a");
  fields.each("list", () => read++);
  expect(read).toBe(2);
});

test("an element that is no object is complained of in its place", () => {
  const complaint: Complaint = { failure: undefined };
  new Fields({ list: [{}, 5, {}] }, "", complaint).each("list", (element) => element.text("a"));
  expect(complaint.failure?.param).toBe("list[1]");
});
