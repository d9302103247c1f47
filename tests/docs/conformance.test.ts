import { existsSync, globSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const names = globSync("docs/conformance/*.md", { cwd: root }).toSorted()
const files = (cell: string | undefined) => [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, path]) => path!)

/** Rule, sources and tests of each row; the last three cells. */
function rowsOf(name: string): (readonly [rule: string, kept: string, tests: string])[] {
  return readFileSync(join(root, name), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|(?:[-|]+|.*\| kept in \| tests \|)$/.test(line))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .map((cells) => [cells.at(-4)!, cells.at(-3)!, cells.at(-2)!] as const)
}

describe.each(names)("the table of rules %s", (name) => {
  it("names for each rule a source and a test, and all of them exist", () => {
    const rows = rowsOf(name)
    expect(rows.length).toBeGreaterThan(40)
    for (const [rule, kept, tests] of rows) {
      expect(files(kept), rule).not.toEqual([])
      expect(files(tests), rule).not.toEqual([])
      for (const path of files(kept)) {
        expect(path, rule).toMatch(/^src\//)
        expect([path, existsSync(join(root, path))], rule).toEqual([path, true])
      }
      for (const path of files(tests)) {
        expect(path, rule).toMatch(/^tests\/.+\.test\.ts$/)
        expect([path, existsSync(join(root, path))], rule).toEqual([path, true])
      }
    }
    expect(new Set(rows.map(([rule]) => rule)).size, "each rule once").toBe(rows.length)
  })

  it("is linked from the page about conformance", () => {
    expect(readFileSync(join(root, "docs/conformance.md"), "utf8")).toContain(`(.${name.slice("docs".length)})`)
  })
})

it("the page about conformance is linked from the index and from the security model", () => {
  expect(names).toHaveLength(3)
  for (const from of ["index.md", "security.md"])
    expect(readFileSync(join(root, "docs", from), "utf8"), from).toContain("(./conformance.md)")
})
