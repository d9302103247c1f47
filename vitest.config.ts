import { defineConfig } from "vitest/config"
import { readdirSync } from "node:fs"

/** Folders whose tests change nothing in their process: one worker loads the sources once for many files, which halves their CPU time. */
const shared = ["api", "cli", "commands", "edge", "events", "oauth", "projections", "redirect"]
/** Of these, files that run long enough to be worth a worker of their own, two that count what built-in functions are asked, and one that looks at its process's memory. */
const alone = [
  "tests/oauth/crash.test.ts",
  "tests/api/generated-input.test.ts",
  "tests/api/subscribers/slow-reader.test.ts",
  "tests/events/path-regex.test.ts",
  "tests/projections/route-table.test.ts",
]
const folders = readdirSync("tests", { withFileTypes: true }).filter((entry) => entry.isDirectory())
const apart = folders.map(({ name }) => name).filter((name) => !shared.includes(name))
const testsOf = (folder: string) => `tests/${folder}/**/*.test.ts`

export default defineConfig({
  test: {
    globalSetup: "tests/support/global-setup.ts",
    pool: "forks",
    // Most tests wait for servers rather than compute.
    maxWorkers: 4,
    // These say when to give up. A run beside others took four times as long, and then a test of 12 s takes 48 s.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    // What is looked for again and again comes in its own time: the access log alone is handed on four times a second.
    expect: { poll: { timeout: 10_000 } },
    passWithNoTests: false,
    allowOnly: false,
    projects: [
      {
        extends: true,
        test: {
          name: "shared",
          include: shared.map(testsOf),
          exclude: alone,
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "apart",
          include: ["tests/*.test.ts", ...apart.map(testsOf), ...alone],
          isolate: true,
        },
      },
    ],
  },
})
