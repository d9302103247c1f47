import { describe, expect, it } from "vitest"
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const files = readdirSync(join(root, "tests"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => `tests/${file}`)

/** Recipes that run chosen tests: their name, the beginnings of paths, and a pattern for titles. */
const recipes = [
  ...readFileSync(join(root, "just/tests.just"), "utf8").matchAll(
    /^([a-z-]+)[^\n]*:[^\n]*\n\s+(?:\w+=\S+ )?node scripts\/test\.ts (tests\/[^\n]*)$/gm,
  ),
].map(([, name = "", line = ""]) => {
  const [paths = "", pattern] = line.split(" -t ")
  return { name, paths: paths.trim().split(" "), pattern: pattern?.replaceAll("'", "") }
})

it("chosen tests are found in the recipes", () => {
  expect(recipes.length).toBeGreaterThan(15)
})

describe.each(recipes)("just $name", ({ paths, pattern }) => {
  it("selects tests with each of its arguments", () => {
    // As vitest does it: a filter is a part of a path.
    expect(paths.filter((path) => !files.some((file) => file.includes(path)))).toEqual([])
  })

  it.runIf(pattern !== undefined)("has titles that its pattern finds", () => {
    const selected = files.filter((file) => paths.some((path) => file.includes(path)))
    const text = selected.map((file) => readFileSync(join(root, file), "utf8")).join("\n")
    expect(text).toMatch(new RegExp(`["'\`][^"'\`\n]*(?:${pattern})`))
  })
})
