import { type RunningApi, runningApi } from "../api/running-api.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { commandLine } from "./running-cli.ts"

let api: RunningApi
let cli: ReturnType<typeof commandLine>

beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
  await cli(["proxy-create", "tools.internal", "http://10.1.2.3:3000", "ADMIN"])
})
afterAll(() => api.stop())

const host = "tools.internal"
const policy = { default: "allow", rules: [{ kind: "tool", match: ["delete_*"], action: "deny" }] }
const shown = async () => (await cli(["proxy-mcp-show", host])).json()
const config = (...options: string[]) => cli(["proxy-mcp-config", host, "ADMIN", ...options])

describe("MCP settings from the command line", () => {
  it("are changed one by one and stay where they are not named", async () => {
    expect((await cli(["proxy-mcp-enable", host, "ADMIN"])).code).toBe(0)
    const set = await config(
      `policy=${JSON.stringify(policy)}`,
      "allowed-origins=https://app.example.com",
      "max_body=65536",
    )
    expect([set.code, set.err]).toEqual([0, ""])
    expect((await config("mcp_versions=2026-07-28,2025-11-25", "stream-expiry=close")).code).toBe(0)
    expect((await cli(["proxy-mcp-enable", host, "ADMIN", "/tools"])).code).toBe(0)
    expect(await shown()).toMatchObject({
      mcp_endpoint: "/tools",
      mcp_policy: policy,
      mcp_allowed_origins: ["https://app.example.com"],
      mcp_max_body: 65536,
      mcp_versions: ["2026-07-28", "2025-11-25"],
      mcp_stream_expiry: "close",
    })
  })

  it("lose a rule only on purpose", async () => {
    const asked = await config("policy=", "max-body=")
    expect([asked.code === 0, asked.err]).toEqual([false, expect.stringContaining("mcp_policy")])
    expect(await shown()).toMatchObject({ mcp_policy: policy, mcp_max_body: 65536 })
    expect((await config("policy=", "max-body=", "--yes")).code).toBe(0)
    const left = await shown()
    expect([left["mcp_policy"], left["mcp_max_body"], left["mcp_stream_expiry"]]).toEqual([
      undefined,
      undefined,
      "close",
    ])
  })

  it("may say what scopes hold, and forget it on purpose alone", async () => {
    const mcp_scope_hierarchy = [{ scope: "files:admin", includes: ["files:read"] }]
    expect((await config(`scope-hierarchy=${JSON.stringify(mcp_scope_hierarchy)}`)).code).toBe(0)
    expect(await shown()).toMatchObject({ mcp_scope_hierarchy })
    expect((await config("scope-hierarchy=")).code).not.toBe(0)
    expect((await config("scope-hierarchy=", "--yes")).code).toBe(0)
    expect(await shown()).not.toHaveProperty("mcp_scope_hierarchy")
  })

  it("that mean nothing are refused in words, and nothing changes", async () => {
    const before = await shown()
    const refused = async (...options: string[]) => {
      const { code, err } = await config(...options)
      expect(code).not.toBe(0)
      return err
    }
    const rule = (change: object) =>
      `policy=${JSON.stringify({ default: "deny", rules: [{ kind: "tool", match: ["x"], action: "allow", ...change }] })}`
    expect(await refused("policy={")).toContain("must be JSON")
    expect(await refused("allowed-origins=https://app.example.com/path")).toContain("must be an origin")
    expect(await refused("allowed-origins=null")).toContain("must be an origin")
    expect(await refused("versions=2020-01-01")).toContain("mcp_versions")
    expect(await refused("max-body=1")).toContain("mcp_max_body")
    expect(await refused(rule({ scopes: ["files:delete"] }))).toContain("not among mcp_scopes")
    expect(await refused(rule({ action: "deny", users: ["x"] }))).toContain("denies everybody")
    expect(await refused(rule({ emails: ["a*b"] }))).toContain("mcp_policy")
    expect(await refused(rule({ match: [] }))).toContain("match")
    const holds = (...entries: [scope: string, ...includes: string[]][]) =>
      `scope_hierarchy=${JSON.stringify(entries.map(([scope, ...includes]) => ({ scope, includes })))}`
    expect(await refused(holds(["a", "b"], ["a", "c"]))).toContain("a stands in it twice")
    expect(await refused(holds(["a", "b"], ["b", "c"], ["c", "a"]))).toContain("would hold itself")
    expect(await refused(holds(["a", "a"]))).toContain("a would hold itself")
    expect(await refused(holds(["mcp:read", "mcp:admin"]))).toContain("would hold itself")
    expect(await refused(holds(["a", "offline_access"]))).toContain("offline_access")
    expect(await refused(holds(["a b", "c"]))).toContain("mcp_scope_hierarchy")
    expect(await refused('scope_hierarchy={"a":["b"]}')).toContain("mcp_scope_hierarchy")
    expect(await refused("nonsense=1")).toContain("mcp_nonsense")
    expect(await shown()).toEqual(before)
  })
})
