import { describe, expect, test } from "vitest";
import { choice, chooseForms } from "./forms.ts";

describe("which forms of Redis a run covers", () => {
  test("says so, and fails where a missing server would go unnoticed", () => {
    console.info(`Redis contract: ${choice.forms.join(" and ")}`);
    expect(choice.problem).toBeUndefined();
  });

  // planted: CI ignored in chooseForms
  test("a missing redis-server is a problem in CI and nowhere else", () => {
    expect(chooseForms({ CI: "true" }, "no redis-server in PATH").problem).toContain("no redis-server in PATH");
    expect(chooseForms({}, "no redis-server in PATH")).toEqual({ forms: ["embedded"], problem: undefined });
    expect(chooseForms({ CI: "true", REDIS_FORMS: "embedded" }, "no redis-server in PATH").problem).toBeUndefined();
  });

  test("a server by binary or by URL is covered beside the embedded form", () => {
    expect(chooseForms({ CI: "true" }, undefined).forms).toEqual(["embedded", "redis-server"]);
    expect(chooseForms({ REDIS_URL: "redis://127.0.0.1:1" }, "none").forms).toEqual(["embedded", "redis-server"]);
  });
});
