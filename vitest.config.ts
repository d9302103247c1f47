import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    pool: "forks",
    // Most tests wait for servers rather than compute.
    maxWorkers: 3,
    testTimeout: 90_000,
    hookTimeout: 120_000,
    // Real engines, browsers and authorities share two cores here: what fails once is tried once more, and is shown as such.
    retry: 1,
    passWithNoTests: false,
    allowOnly: false,
  },
})
