import { describe, expect, it } from "vitest"
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { justfile } from "./just.ts"
import { specifiedRecipes } from "./surface.ts"

const root = join(import.meta.dirname, "../..")
const files = readdirSync(join(root, "tests"), { recursive: true, encoding: "utf8" })
  .map((file) => `tests/${file}`)
  .filter((file) => file.endsWith(".test.ts"))

/** Words after `node scripts/test.ts` in a recipe; undefined when it runs something else. */
function selected(name: string): string[] | undefined {
  const line = justfile[name]!.body.flat().join("")
  const words = /^node scripts\/test\.ts (.*)$/.exec(line)?.[1]
  return words?.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", ""))
}

const tests = specifiedRecipes.filter((name) => /^(test|mcp-test)-/.test(name) && selected(name) !== undefined)

describe("a recipe of tests", () => {
  it.each(tests)("%s selects some with each of its words", (name) => {
    const words = selected(name)!
    const at = words.indexOf("-t")
    const paths = at === -1 ? words : words.slice(0, at)
    const chosen = paths.map((path) => files.filter((file) => file.startsWith(path)))
    expect(paths.filter((_, index) => chosen[index]!.length === 0)).toEqual([])
    if (at === -1) return
    const pattern = new RegExp(words[at + 1]!)
    const titles = chosen
      .flat()
      .flatMap((file) => readFileSync(join(root, file), "utf8").match(/\b(describe|it|test)\b.*\("[^"]*"/g))
    expect(titles.filter((title) => title !== null && pattern.test(title)).length).toBeGreaterThan(0)
  })

  it("is every one that the specification names, but those that try a running system, and all at once", () => {
    const named = specifiedRecipes.filter((name) => /^(test|mcp-test)/.test(name))
    expect(named.filter((name) => !tests.includes(name))).toEqual([
      "test",
      "test-all",
      "test-auth",
      "test-auth-flow",
      "test-proxy-mcp",
    ])
  })
})
