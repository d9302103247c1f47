import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { crashPointsInSources, crashPointsInTable, violations } from "./support/architecture.ts"

const project = join(import.meta.dirname, "..")

it("keeps to the import directions and to the habits of the code", () => {
  expect(violations(project)).toEqual([])
})

it("documents every crash point, and no other", () => {
  const table = readFileSync(join(project, "docs/crash-points.md"), "utf8")
  expect(crashPointsInTable(table)).toEqual(crashPointsInSources(project))
})

describe("a deliberate violation is found:", () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "gatehouse-architecture-"))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  const judge = (files: Record<string, string>) => {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      writeFileSync(join(root, file), text)
    }
    return violations(root)
  }

  it.each([
    ["src/errors.ts", 'import { join } from "node:path"', "src/errors.ts imports the package node:path"],
    ["src/errors.ts", 'export * from "./events/event.ts"', "src/errors.ts imports from events/event.ts"],
    ["src/platform/a.ts", 'import { b } from "../events/b.ts"', "src/platform/a.ts imports from events/b.ts"],
    ["src/events/a.ts", 'import { b } from "../platform/b.ts"', "src/events/a.ts imports from platform/b.ts"],
    ["src/events/a.ts", 'import { Redis } from "ioredis"', "src/events/a.ts imports the package ioredis"],
    ["src/events/a.ts", 'import "node:fs"', "src/events/a.ts imports the package node:fs"],
    ["src/commands/a.ts", 'import { b } from "../platform/b.ts"', "src/commands/a.ts imports from platform/b.ts"],
    [
      "src/commands/a.ts",
      'import type { B } from "../projections/b.ts"',
      "src/commands/a.ts imports types of projections/b.ts",
    ],
    ["src/projections/a.ts", 'import { b } from "../commands/b.ts"', "src/projections/a.ts imports from commands/b.ts"],
    [
      "src/projections/views/a.ts",
      'import { b } from "../../api/b.ts"',
      "src/projections/views/a.ts imports from api/b.ts",
    ],
    ["src/effects/a.ts", 'import { b } from "../edge/b.ts"', "src/effects/a.ts imports from edge/b.ts"],
    ["src/oauth/a.ts", 'const b = await import("../api/b.ts")', "src/oauth/a.ts imports from api/b.ts"],
    [
      "src/api/endpoints/a.ts",
      'import {\n  b,\n  type C,\n} from "../../oauth/b.ts"',
      "src/api/endpoints/a.ts imports from oauth/b.ts",
    ],
    ["src/edge/a.ts", 'import { type A, b } from "../events/b.ts"', "src/edge/a.ts imports from events/b.ts"],
    ["src/cli/a.ts", 'import { r } from "../platform/redis.ts"', "src/cli/a.ts imports from platform/redis.ts"],
    ["src/misc/a.ts", 'import { b } from "../errors.ts"', "src/misc/a.ts: the folder misc has no import rule"],
    ["src/api/a.ts", "const p = process.env.PORT", "src/api/a.ts reads the environment; platform/config.ts alone may"],
    ["src/api/a.ts", 'const p = process["env"]', "src/api/a.ts reads the environment; platform/config.ts alone may"],
    ["src/api/a.ts", "const { env } = process", "src/api/a.ts reads the environment; platform/config.ts alone may"],
    ["src/api/a.ts", "export default {}", "src/api/a.ts has a default export"],
    ["src/api/a.ts", "const a = 1\nexport { a as default }", "src/api/a.ts has a default export"],
    ["scripts/a.ts", "\n".repeat(300) + "//", "scripts/a.ts has 301 lines; 300 is the limit"],
    ["tests/api/a.test.ts", "\n".repeat(300) + "//", "tests/api/a.test.ts has 301 lines; 300 is the limit"],
  ])("%s with %j", (file, text, violation) => {
    expect(judge({ [file]: text })).toEqual([violation])
  })

  it("imports that lead in a circle, through types too; but not through what a request is", () => {
    const circle = (middle: string) => ({
      "src/edge/a.ts": `import type { B } from "./${middle}"`,
      [`src/edge/${middle}`]: 'import { c } from "./c.ts"\nimport { d } from "./d.ts"',
      "src/edge/c.ts": 'export * from "./a.ts"',
      "src/edge/d.ts": "export const d = 1",
    })
    expect(judge(circle("b.ts"))).toEqual(["imports lead in a circle: src/edge/a.ts, src/edge/b.ts, src/edge/c.ts"])
    rmSync(join(root, "src"), { recursive: true })
    expect(judge(circle("exchange.ts"))).toEqual([])
  })

  it("and what is allowed is not", () => {
    const allowed = {
      "src/main.ts": 'import { a } from "./edge/a.ts"\nimport { b } from "./api/b.ts"',
      "src/commands/a.ts":
        'import { b } from "../events/b.ts"\nimport type { C } from "../platform/c.ts"\nimport * as z from "zod"',
      "src/edge/a.ts": 'import { type A, type B } from "../events/b.ts"\nimport { c } from "../projections/c.ts"',
      "src/platform/config.ts": "export const e = process.env",
    }
    expect(judge(allowed)).toEqual([])
  })
})
