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
    ...(parallel ? {} : { maxWorkers: 1 }),
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
