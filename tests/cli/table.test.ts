import { describe, expect, test } from "vitest"
import { readable } from "../../src/cli/table.ts"

describe("an answer for people", () => {
  test("is a table for a list, with columns as wide as they need", () => {
    const tokens = [
      { name: "alice", hash: "sha256:0", is_admin: false },
      { name: "b", is_admin: true },
    ]
    expect(readable({ tokens, pagination: { total: 2 } })).toBe("NAME   IS_ADMIN\nalice  false\nb      true\n")
    expect(readable({ tokens: [], pagination: {} })).toBe("no tokens\n")
  })

  test("is one line a field for an object", () => {
    expect(readable({ name: "x", domains: ["a", "b"], cert: null, users: [], deep: { status: "ok" } })).toBe(
      "name:    x\ndomains: a, b\ncert:    -\nusers:   []\ndeep:\n  status: ok\n",
    )
  })

  test("begins with what a thing is called, and shows rows in it as a table", () => {
    const covered = [
      { hostname: "a.test", match: "exact" },
      { hostname: "longer.test", match: "wildcard" },
    ]
    expect(readable({ enabled: true, hostname: "x", covered, none: [] })).toBe(
      "hostname: x\nenabled:  true\ncovered:\n  HOSTNAME     MATCH\n  a.test       exact\n  longer.test  wildcard\nnone:     []\n",
    )
    expect(readable({ message: "y is made.", name: "y" })).toBe("message: y is made.\nname:    y\n")
  })

  test("cannot be made to write to the terminal by a stored text", () => {
    const shown = readable({ targets: [{ hostname: "a\u001b[2J\u009b31m", owner: "x\r\ny" }], pagination: {} })
    expect(shown).not.toMatch(/[\u001b\u009b\r]/)
    expect(readable({ name: "\u001b]0;title\u0007" })).not.toMatch(/[\u001b\u0007]/)
    expect(readable({ name: "a\u202eb\u2066c\u2029d" })).toBe("name: a?b?c?d\n")
    expect(readable({ text: "line\nnext \u001b[31m" })).not.toMatch(/\u001b/)
  })
})
