import { existsSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const page = readFileSync(join(root, "docs/conformance.md"), "utf8")
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("|") && line.includes("`src/"))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
const files = (cell: string | undefined) => [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, path]) => path!)

describe("the table of rules", () => {
  it("names for each rule a source and a test, and all of them exist", () => {
    expect(rows.length).toBeGreaterThan(50)
    for (const [, rule, kept, tests] of rows) {
      expect(files(kept), rule).not.toEqual([])
      expect(files(tests), rule).not.toEqual([])
      for (const path of files(kept)) expect([path, existsSync(join(root, path))], rule).toEqual([path, true])
      for (const path of files(tests)) {
        expect(path, rule).toMatch(/^tests\/.+\.test\.ts$/)
        expect([path, existsSync(join(root, path))], rule).toEqual([path, true])
      }
    }
  })

  it("is linked from the index and from the security model", () => {
    for (const from of ["index.md", "security.md"])
      expect(readFileSync(join(root, "docs", from), "utf8"), from).toContain("(./conformance.md)")
  })
})
