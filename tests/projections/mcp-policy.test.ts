import { type McpCaller, type McpPolicy, hidesAnything, judgeOperation } from "../../src/projections/mcp-policy.ts"
import { describe, expect, it } from "vitest"

const octocat: McpCaller = {
  person: {
    subject: "github-1",
    username: "octocat",
    verifiedEmail: "octocat@example.com",
    groups: ["acme/dev"],
    clientId: "mcp_1",
  },
  scopes: ["mcp:read"],
}
const nobody: McpCaller = { person: null, scopes: [] }

type Rule = McpPolicy["rules"][number]
const policy = (fallback: "allow" | "deny", ...rules: (Partial<Rule> & { match: string[] })[]): McpPolicy => ({
  default: fallback,
  rules: rules.map((rule): Rule => ({ kind: "tool", action: "allow", ...rule })),
})
const judge = (rules: McpPolicy, name: string, caller = octocat, kind: Rule["kind"] = "tool") => {
  const { type, rule } = judgeOperation(rules, { kind, name }, caller)
  return `${type} ${rule}`
}

describe("an MCP policy", () => {
  it("takes the first rule that matches kind and name, and else its default", () => {
    const rules = policy(
      "allow",
      { match: ["delete_user"] },
      { match: ["delete_*", "drop_*"], action: "deny" },
      { match: ["*"], kind: "prompt", action: "deny" },
    )
    expect(judge(rules, "delete_user")).toBe("allowed 1")
    expect(judge(rules, "delete_all")).toBe("denied 2")
    expect(judge(rules, "drop_")).toBe("denied 2")
    expect(judge(rules, "Delete_all")).toBe("allowed default")
    expect(judge(rules, "x", octocat, "prompt")).toBe("denied 3")
    expect(judge(rules, "x", octocat, "resource")).toBe("allowed default")
    expect(judge(policy("deny"), "x")).toBe("denied default")
  })

  it("knows one wildcard, for any characters at any place", () => {
    const glob = (pattern: string, name: string) =>
      judge(policy("deny", { match: [pattern] }), name).startsWith("allowed")
    for (const [pattern, name] of [
      ["*", ""],
      ["a*c", "ac"],
      ["a*c", "abbbc"],
      ["*b*", "abc"],
      ["a*b*c", "a-b-b-c"],
      ["a**c", "ac"],
      ["a.c", "a.c"],
      ["[a]?", "[a]?"],
    ] as const)
      expect(glob(pattern, name), `${pattern} ${name}`).toBe(true)
    for (const [pattern, name] of [
      ["a*a", "a"],
      ["a.c", "abc"],
      ["a*b", "ab\n"],
      ["ab*ba", "aba"],
      ["a*b*b", "ab"],
      ["a", "aa"],
    ] as const)
      expect(glob(pattern, name), `${pattern} ${name}`).toBe(false)
    expect(glob(`${"a*".repeat(500)}b`, "a".repeat(1000))).toBe(false)
  })

  it("denies whoever is not on a rule's lists: kinds joined by AND, entries by OR", () => {
    const rules = (rule: Partial<Rule>) => policy("allow", { match: ["x"], ...rule })
    expect(judge(rules({ users: ["mona", "OctoCat"] }), "x")).toBe("allowed 1")
    expect(judge(rules({ users: ["mona"] }), "x")).toBe("denied 1")
    expect(judge(rules({ users: null, groups: ["acme/dev"] }), "x")).toBe("allowed 1")
    expect(judge(rules({ users: ["octocat"], groups: ["acme/ops"] }), "x")).toBe("denied 1")
    expect(judge(rules({ emails: ["*@example.com"] }), "x")).toBe("allowed 1")
    expect(judge(rules({ emails: [] }), "x")).toBe("denied 1")
    expect(judge(rules({ users: ["*"] }), "x", nobody)).toBe("denied 1")
    expect(judge(rules({}), "x", nobody)).toBe("allowed 1")
  })

  it("names all scopes of the operation when one is missing, under the hierarchy", () => {
    const rules = policy("allow", { match: ["x"], scopes: ["mcp:write", "files:delete"] })
    const verdict = (scopes: string[]) => judgeOperation(rules, { kind: "tool", name: "x" }, { ...octocat, scopes })
    const missing = { type: "scopes_missing", rule: "1", needed: ["mcp:write", "files:delete"] }
    expect(verdict(["mcp:read"])).toEqual(missing)
    expect(verdict(["mcp:write"])).toEqual(missing)
    expect(verdict(["mcp:admin", "files:delete"]).type).toBe("allowed")
    expect(judge(policy("allow", { match: ["x"], scopes: ["mcp:write"], users: [] }), "x")).toBe("denied 1")
  })

  it("judges a resource under every spelling of its URI, and the strictest counts", () => {
    const denied = policy("allow", { kind: "resource", match: ["file:///secret/*"], action: "deny" })
    for (const uri of [
      "file:///secret/a",
      "file:///public/../secret/a",
      "FILE:///secret/a",
      "file:///%73ecret/a",
      "file:///public/%2e%2e/secret/a",
      "file:///public/..%2fsecret/a",
      "file:///public/./../secret/a",
    ])
      expect(judge(denied, uri, octocat, "resource"), uri).toBe("denied 1")
    const allowed = policy("deny", { kind: "resource", match: ["file:///public/*"] })
    expect(judge(allowed, "file:///public/a%20b", octocat, "resource")).toBe("allowed 1")
    expect(judge(allowed, "file:///public/../secret", octocat, "resource")).toBe("denied default")
    expect(judge(allowed, "file:///public/%", octocat, "resource")).toBe("allowed 1")
    expect(judge(allowed, "not a uri", octocat, "resource")).toBe("denied default")
  })

  it.each([
    ["broken escapes beside good ones, which lenient decoders take off", "file:///%73ecret/a%"],
    ["octets that are no UTF-8", "file:///%73ecret/%ff"],
    ["escapes of escapes", "file:///%2573ecret/a"],
    ["slashes in a row, which a file system takes for one", "file:///public//../secret/a"],
    ["slashes in a row behind the scheme", "file:////secret/a"],
    ["other slashes", "file:///public\\..\\secret\\a"],
    ["other slashes behind escapes", "file:///public%5C..%5Csecret/a"],
    ["dot segments behind a query", "file:///public/x?/../../secret/a"],
    ["dot segments behind a fragment", "file:///public/x#/../../secret/a"],
  ])("finds a resource behind %s", (_what, uri) => {
    const denied = policy("allow", { kind: "resource", match: ["file:///secret/*"], action: "deny" })
    expect(judge(denied, uri, octocat, "resource")).toBe("denied 1")
    const allowed = policy("deny", { kind: "resource", match: ["file:///public/*"] })
    expect(judge(allowed, uri, octocat, "resource")).toBe("denied default")
  })

  it("judges no URI that would take long to read in every way", () => {
    const allowed = policy("allow", { kind: "resource", match: ["file:///public/*"] })
    for (const part of ["a/../", "/", "%2f", "%25"])
      expect(judge(allowed, `file:///public/${part.repeat(9000)}`, octocat, "resource")).toBe("denied spelling")
    expect(judge(allowed, `file:///public/${"a".repeat(9000)}`, octocat, "resource")).toBe("allowed 1")
    expect(judge(allowed, `file:///public/${"%20".repeat(2000)}`, octocat, "resource")).toBe("allowed 1")
  })

  it("takes what looks like a host for a folder too, and no fragment for a name of its own", () => {
    const denied = policy("allow", {
      kind: "resource",
      match: ["docs://secret/*", "notes:secret", "x://a/b"],
      action: "deny",
    })
    for (const uri of [
      "docs://public/../secret/a",
      "docs://public\\..\\secret\\a",
      "docs://secret\\a",
      "notes:public/../secret",
      "notes:./secret",
      "x://a/b#c",
    ])
      expect(judge(denied, uri, octocat, "resource"), uri).toBe("denied 1")
    const allowed = policy("deny", { kind: "resource", match: ["docs://public/*", "docs://plain/a%20b#c"] })
    expect(judge(allowed, "docs://public/../../etc/passwd", octocat, "resource")).toBe("denied default")
    for (const uri of ["docs://public/a/b?c=d", "docs://public/a..b/.c", "docs://public/a#b", "docs://plain/a%20b#c"])
      expect(judge(allowed, uri, octocat, "resource"), uri).toBe("allowed 1")
  })

  it("tells when nothing can be hidden", () => {
    expect(hidesAnything(policy("allow"), octocat)).toBe(false)
    expect(hidesAnything(policy("allow", { match: ["x"], scopes: ["mcp:write"] }), octocat)).toBe(false)
    expect(hidesAnything(policy("deny", { match: ["*"] }), octocat)).toBe(true)
    expect(hidesAnything(policy("allow", { match: ["x"], users: ["octocat"] }), octocat)).toBe(false)
    expect(hidesAnything(policy("allow", { match: ["x"], users: ["octocat"] }), nobody)).toBe(true)
    expect(hidesAnything(policy("allow", { match: ["x"], action: "deny" }), octocat)).toBe(true)
  })
})
