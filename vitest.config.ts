import { defineConfig } from "vitest/config";

/** One project a kind of test; `npm test` runs them all, `npm run check` leaves the whole-stack ones out. */
const project = (name: string, include: string, timeoutMs: number, parallel: boolean) => ({
  test: {
    name,
    include: [include],
    testTimeout: timeoutMs,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    fileParallelism: parallel,
    // Whole stacks on a shared machine: one second try in CI, reported as such; a test that fails twice has failed.
    ...(parallel ? {} : { maxWorkers: 1, retry: process.env.CI === "true" ? 1 : 0 }),
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", "test/unit/**/*.test.ts", 20_000, true),
      project("contract", "test/contract/**/*.test.ts", 60_000, true),
      project("workerd", "test/workerd/**/*.test.ts", 60_000, true),
      project("e2e", "test/e2e/**/*.test.ts", 300_000, false),
    ],
  },
});
