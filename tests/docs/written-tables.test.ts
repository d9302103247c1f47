import { expect, it } from "vitest"
import { readFileSync, readdirSync } from "node:fs"
import { type HealthParts, healthChecks } from "../../src/health-checks.ts"
import { join } from "node:path"

const docs = join(import.meta.dirname, "../../docs")
const page = (path: string) => readFileSync(join(docs, path), "utf8")

it("the page about operations has every part of /health", () => {
  const [, section = ""] = page("operations.md").split(/^## /m)
  const parts = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
  expect(new Set(parts)).toEqual(new Set(Object.keys(healthChecks({ clock: () => new Date() } as HealthParts))))
})

it("each decision is headed by the number of its file", () => {
  const files = readdirSync(join(docs, "decisions")).filter((file) => /^\d/.test(file))
  const headed = files.filter((file) => page(`decisions/${file}`).startsWith(`# ${file.slice(0, 4)} `))
  expect(headed).toEqual(files)
})
