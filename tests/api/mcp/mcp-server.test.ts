import { issue } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { endpoints } from "../../../src/api/endpoint-table.ts"
import { mcpServer, type McpClient, api, alice, modern, older } from "./mcp-clients.ts"

mcpServer()

describe.each([
  ["2026-07-28", modern],
  ["2025-11-25", older],
] as const)("at revision %s", (revision, connect) => {
  const host = `host-${revision}.internal`
  let admin: McpClient
  let owner: McpClient
  beforeAll(async () => {
    ;[admin, owner] = [await connect(api.adminToken), await connect(alice)]
  })
  afterAll(() => Promise.all([admin.close(), owner.close()]))

  it("speaks that revision", () => {
    expect(admin.revision).toBe(revision)
  })

  it("shows an administrator every operation that answers JSON, and an owner those that an owner may use", async () => {
    const all = (await admin.tools()).map(({ name }) => name)
    const own = (await owner.tools()).map(({ name }) => name)
    expect(all).toEqual(
      expect.arrayContaining(["listTokens", "createProxy", "deleteToken", "revealToken", "getHealth"]),
    )
    expect(all).not.toContain("getOpenApi")
    expect(all).not.toContain("listTokensFormatted")
    const adminOnly = endpoints.filter(({ who }) => who === "admin").map(({ operationId }) => operationId)
    expect(all.filter((name) => !own.includes(name)).sort()).toEqual(
      all.filter((name) => adminOnly.includes(name) || name.endsWith("WithSecret")).sort(),
    )
    expect(own).toEqual(expect.arrayContaining(["createProxy", "getTokenInfo", "listEvents"]))
  })

  it("says what only reads, what may destroy, and what a call needs", async () => {
    const tools = Object.fromEntries((await admin.tools()).map((tool) => [tool.name, tool]))
    expect(tools["listProxies"]!.annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false })
    expect(tools["createProxy"]!.annotations).toMatchObject({ readOnlyHint: false, destructiveHint: false })
    expect(tools["updateProxy"]!.annotations).toMatchObject({ destructiveHint: true, idempotentHint: true })
    expect(tools["deleteProxy"]!.annotations).toMatchObject({ readOnlyHint: false, destructiveHint: true })
    expect(tools["revealToken"]!.annotations).toMatchObject({ readOnlyHint: false })
    expect(tools["createProxy"]!.inputSchema.required!.toSorted()).toEqual(["hostname", "target_url"])
    expect(Object.keys(tools["updateProxy"]!.inputSchema.properties!)).toEqual(
      expect.arrayContaining(["hostname", "target_url", "if_match", "idempotency_key"]),
    )
    expect(tools["deleteToken"]!.inputSchema.properties).not.toHaveProperty("dry_run")
    expect(tools["getCertificate"]!.inputSchema.properties).not.toHaveProperty("include_private_key")
  })

  it("creates a proxy; the log names the token", async () => {
    const args = { hostname: host, target_url: "http://93.184.216.34", idempotency_key: `key ${revision}` }
    const created = await owner.call("createProxy", args)
    expect(created.isError, created.content[0]?.text).toBeFalsy()
    expect(created.structuredContent).toMatchObject({ proxy_target: { hostname: host, owner: "alice" } })
    expect(JSON.parse(created.content[0]!.text)).toEqual(created.structuredContent)
    expect(created["_meta"]).toMatchObject({ status: 201, version: expect.any(Number) as number })
    expect((await owner.call("createProxy", args))["_meta"]).toEqual(created["_meta"])
    const { events } = (await admin.call("listEvents", { aggregate: `proxy/${host}`, type: "ProxyCreated" }))
      .structuredContent as { events: { actor: string }[] }
    expect(events).toHaveLength(1)
    expect(events[0]!.actor).toBe("alice")
  })

  it("shows what a deletion would remove, and deletes once it is confirmed", async () => {
    const plan = await owner.call("deleteProxy", { hostname: host })
    expect(plan.structuredContent).toMatchObject({ confirmed: false, plan: { hostname: host } })
    expect(plan.content[0]!.text).toContain("confirm: true")
    expect((await owner.call("getProxy", { hostname: host })).isError).toBeFalsy()
    expect((await owner.call("deleteProxy", { hostname: host, confirm: "yes" })).structuredContent).toMatchObject({
      code: "validation_failed",
    })
    expect((await owner.call("deleteProxy", { hostname: host, confirm: true })).structuredContent).toMatchObject({
      message: expect.stringContaining(host) as string,
    })
    const gone = await owner.call("getProxy", { hostname: host })
    expect([gone.isError, gone.structuredContent!["code"]]).toEqual([true, "not_found"])
  })

  it("runs dry where the operation can, unless it is confirmed", async () => {
    const name = `victim-${revision}`
    await api.token(name)
    for (const args of [
      {},
      { dry_run: false },
      { confirm: false },
      { confirm: true, dry_run: true },
      { confirm: true, dry_run: "false" },
    ]) {
      const dry = await admin.call("deleteToken", { name, ...args })
      expect(dry.structuredContent).toMatchObject({ confirmed: false, plan: { dry_run: true } })
    }
    expect((await api.call("GET", `/api/v1/tokens/${name}`)).status).toBe(200)
    const done = await admin.call("deleteToken", { name, confirm: true })
    expect(done.structuredContent).toMatchObject({ dry_run: false })
    expect((await api.call("GET", `/api/v1/tokens/${name}`)).status).toBe(404)
  })

  it("keeps an owner from the tools of administrators, and from what others own", async () => {
    await api.call("POST", "/api/v1/proxy/targets", {
      hostname: `admins-${revision}.internal`,
      target_url: "http://93.184.216.34",
    })
    const calls: [string, Record<string, unknown>, string][] = [
      ["listTokens", {}, "admin_required"],
      ["createToken", { name: "mallory" }, "admin_required"],
      ["deleteToken", { name: "alice", confirm: true }, "admin_required"],
      ["revealToken", { name: "alice", confirm: true }, "admin_required"],
      ["getProxy", { hostname: `admins-${revision}.internal` }, "not_owner"],
      ["deleteProxy", { hostname: `admins-${revision}.internal` }, "not_owner"],
      ["deleteProxy", { hostname: `admins-${revision}.internal`, confirm: true }, "not_owner"],
    ]
    for (const [name, args, code] of calls) {
      const answer = await owner.call(name, args)
      expect([name, answer.isError, answer.structuredContent!["code"]]).toEqual([name, true, code])
    }
  })

  it("gives secrets to administrators only, and only when confirmed", async () => {
    const name = `secret-${revision}`
    const value = await api.token(name)
    expect((await admin.call("revealToken", { name })).structuredContent).toMatchObject({
      code: "confirmation_required",
    })
    expect((await admin.call("revealToken", { name, confirm: true })).structuredContent).toMatchObject({ token: value })

    const cert_name = `cert-${revision}`
    await owner.call("createCertificate", { domain: `${cert_name}.internal`, cert_name })
    const key = await issue(api, cert_name)
    const shown = [
      await owner.call("getCertificate", { cert_name }),
      await owner.call("getCertificate", { cert_name, include_private_key: true }),
      await owner.call("getCertificateWithSecret", { cert_name, confirm: true }),
      await admin.call("getCertificate", { cert_name, include_private_key: true, confirm: true }),
      await admin.call("getCertificateWithSecret", { cert_name }),
    ]
    expect(shown.map(({ structuredContent }) => structuredContent!["code"])).toEqual([
      undefined,
      "validation_failed",
      "admin_required",
      "validation_failed",
      "confirmation_required",
    ])
    expect(JSON.stringify(shown)).not.toContain("PRIVATE KEY")
    const downloaded = await admin.call("getCertificateWithSecret", { cert_name, confirm: true })
    expect(downloaded.structuredContent!["private_key_pem"]).toBe(key)
  })

  it.each([
    ["createProxy", { target_url: "http://93.184.216.34" }, "hostname"],
    ["createProxy", { hostname: "a.internal", target_url: "ftp://x" }, "target_url"],
    ["createProxy", { hostname: "a.internal", target_url: "http://93.184.216.34", surprise: 1 }, "surprise"],
    ["listProxies", { page: 0 }, "page"],
    ["listProxies", { page: [1] }, "page"],
    ["listProxies", { surprise: true }, "surprise"],
    ["getProxy", {}, "hostname"],
    ["getProxy", { hostname: { a: 1 } }, "hostname"],
    ["updateProxy", { hostname: "a.internal", idempotency_key: "a\nb" }, "idempotency_key"],
  ])("answers the problem of %s with %j", async (name, args, path) => {
    const answer = await admin.call(name, args)
    expect([answer.isError, answer.structuredContent!["code"]]).toEqual([true, "validation_failed"])
    expect(answer.structuredContent!["errors"]).toMatchObject([{ path }])
  })

  it.each(["..", ".", "%2e%2e", "a/b", "a/../info", "a?confirm=true", ""])(
    "takes %j for a name, never for a path",
    async (name) => {
      expect((await admin.call("getToken", { name })).structuredContent).toMatchObject({ code: "not_found" })
    },
  )

  it("refuses a tool that does not exist", async () => {
    await expect(admin.call("dropEverything", {})).rejects.toThrow("no such tool")
    await expect(admin.call("constructor", {})).rejects.toThrow("no such tool")
  })

  it("refuses an old version of an object", async () => {
    const hostname = `version-${revision}.internal`
    const created = await admin.call("createProxy", { hostname, target_url: "http://93.184.216.34" })
    const { version } = created["_meta"] as { version: number }
    expect(
      (await admin.call("updateProxy", { hostname, enabled: false, if_match: version - 1 })).structuredContent,
    ).toMatchObject({ code: "precondition_failed" })
    expect((await admin.call("updateProxy", { hostname, enabled: false, if_match: version })).isError).toBeFalsy()
  })
})
