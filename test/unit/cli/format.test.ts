import { describe, expect, it } from "vitest";
import { type Admin, listKeys, revokeKey, showRequest } from "../../../cli/commands.ts";
import { dollars, table } from "../../../cli/format.ts";

describe("what the command line prints", () => {
  // planted: dollars were a division of doubles with toFixed(6)
  it.each([
    [0, "$0.00"],
    [1, "$0.000000001"],
    [12_500, "$0.0000125"],
    [1_000_000_000, "$1.00"],
    [-2_500_000_000, "-$2.50"],
    [9_007_199_254_740_991, "$9007199.254740991"],
  ])("%d nano-dollars as %s, to the last digit", (nano, text) => {
    expect(dollars(nano)).toBe(text);
  });

  it("aligns columns and leaves out those that are empty everywhere", () => {
    const rows = [
      { id: "a", note: "", name: "first" },
      { id: "bbb", note: "", name: "second" },
    ];
    expect(table(rows, "nothing")).toBe("id   name\na    first\nbbb  second");
    expect(table([], "nothing")).toBe("nothing");
  });

  // planted: the columns of the first row alone
  it("shows a column that only a later row has", () => {
    expect(table([{ id: "a" }, { id: "b", tokens: "48" }], "nothing")).toBe("id  tokens\na\nb   48");
  });

  // planted: the id passed on as it was pasted
  it("takes the id of an answer for its request's, and shows money in dollars alone", async () => {
    const asked: string[] = [];
    const admin: Admin = async (path) => {
      asked.push(path);
      return { id: "req_01ABC", costNanoUsd: 12_500, reservedNanoUsd: 1, charges: [], decisions: [] };
    };
    const { text } = await showRequest(admin, "chatcmpl-req_01ABC");
    expect(asked).toEqual(["/requests/req_01ABC"]);
    expect(text).toContain("$0.0000125");
    expect(text).not.toContain("Nano");
  });

  // planted: only the first page was read
  it("follows every page of a list", async () => {
    const cursors: (string | undefined)[] = [];
    const admin: Admin = (_path, call) => {
      const cursor = call?.query?.cursor;
      cursors.push(cursor);
      return Promise.resolve({ data: [{ id: cursor ?? "first" }], nextCursor: cursor === undefined ? "second" : null });
    };
    const printed = await listKeys(admin, {});
    expect(printed.json).toEqual([{ id: "first" }, { id: "second" }]);
    expect(cursors).toEqual([undefined, "second"]);
  });

  // planted: `pending` was not looked at
  it("does not call a key revoked everywhere while Redis has not been told", async () => {
    const pending: Admin = () => Promise.resolve({ pending: ["redis"] });
    expect((await revokeKey(pending, "k")).text).toContain("run this again");
    const done: Admin = () => Promise.resolve({ pending: [] });
    expect((await revokeKey(done, "k")).text).toBe("k is revoked");
  });
});
