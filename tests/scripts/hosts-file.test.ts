import { expect, it } from "vitest"
import { withNames, withoutNames } from "../../scripts/demo/hosts-file.ts"

const file = "127.0.0.1\tlocalhost\n# by hand: mcp.localhost\n10.0.0.1 mcp.localhost.example\n"
const names = ["mcp.localhost", "auth.localhost"]

it("adds one line, and only once", () => {
  const once = withNames(file, names)
  expect(once).toBe(`${file}127.0.0.1 mcp.localhost auth.localhost # added by the Gatehouse demo\n`)
  expect(withNames(once, names)).toBe(once)
})

it("takes away its own line and leaves the rest byte for byte", () => {
  for (const text of [file, file.trimEnd(), "", file.replaceAll("\n", "\r\n")])
    expect(withoutNames(withNames(text, names)).trimEnd()).toBe(text.trimEnd())
  expect(withoutNames(file)).toBe(file)
})

it("replaces its line when the names change", () => {
  const text = withNames(withNames(file, names), ["mcp.localhost", "auth.example"])
  expect(text.match(/Gatehouse demo/g)).toHaveLength(1)
  expect(text).toContain("auth.example")
})
