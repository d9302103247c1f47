import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: "tests/support/global-setup.ts",
    pool: "forks",
    // Most tests wait for servers rather than compute.
    maxWorkers: 3,
    testTimeout: 40_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
    allowOnly: false,
  },
})
