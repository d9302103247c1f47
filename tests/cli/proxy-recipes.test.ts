import { describe, expect, test } from "vitest"
import { issue } from "../api/running-api.ts"
import { cliWithOwner, api, cli, target } from "./cli-with-owner.ts"

cliWithOwner()

describe("proxy recipes", () => {
  test("create, change, switch, show and delete", async () => {
    const created = await cli(["proxy-create", "web.internal", target, "alice", "false", "no"])
    expect(created.json()).toMatchObject({
      certificate_status: "started",
      proxy_target: { preserve_host_header: false, owner: "alice" },
    })
    const updated = await cli(["proxy-update", "web.internal", "alice", 'custom_headers={"X-A":"b"}', "enable-http=no"])
    expect(updated.json()).toMatchObject({ custom_headers: { "X-A": "b" }, enable_http: false })
    expect((await cli(["proxy-update", "web.internal", "alice"])).code).toBe(2)
    expect((await cli(["proxy-update", "web.internal", "alice", "colour=red"])).err).toMatch(
      /^validation_failed: colour/,
    )
    expect((await cli(["proxy-update", "web.internal", "alice", "enabled=true", "--if-match", "1"])).err).toMatch(
      /^precondition_failed/,
    )
    expect((await cli(["proxy-disable", "web.internal", "alice"])).json()["enabled"]).toBe(false)
    expect((await cli(["proxy-enable", "web.internal", "alice"])).json()["enabled"]).toBe(true)
    expect((await cli(["proxy-show", "web.internal"])).json()["hostname"]).toBe("web.internal")
    expect((await cli(["proxy-list", "alice"], { tty: true })).out).toContain("web.internal")
    const unsure = await cli(["proxy-delete", "web.internal", "alice", "delete-cert"], { answers: [""] })
    expect([unsure.code, unsure.err]).toEqual([
      3,
      expect.stringContaining("and the certificate proxy-web-internal will be deleted"),
    ])
    expect((await cli(["proxy-delete", "web.internal", "alice", "true", "--yes"])).json()["deleted_certificate"]).toBe(
      "proxy-web-internal",
    )
  })

  test("get a certificate, or attach one; one that does not cover the host is asked for", async () => {
    await cli(["proxy-create", "shop.internal", target, "alice", "enable-https=false"])
    expect((await cli(["proxy-cert-generate", "shop.internal", "alice"])).json()["cert_name"]).toBe(
      "proxy-shop-internal",
    )
    await cli(["cert-create", "other", "other.internal", "", "alice"])
    const mismatch = await cli(["proxy-cert-attach", "shop.internal", "other", "alice"])
    expect([mismatch.code, mismatch.err]).toEqual([3, expect.stringContaining("other does not cover shop.internal")])
    expect((await cli(["proxy-cert-attach", "shop.internal", "other", "alice", "--yes"])).json()["cert_name"]).toBe(
      "other",
    )
    expect(
      (await cli(["proxy-cert-attach", "shop.internal", "proxy-shop-internal", "alice"])).json()["cert_name"],
    ).toBe("proxy-shop-internal")
  })

  test("wait for the certificate of what they made", async () => {
    const late = ["proxy-create", "late.internal", target, "alice", "--wait", "--timeout", "0"]
    const { code, out, err } = await cli(late)
    expect([code, err]).toEqual([4, "timed_out: not done after 0 s; it goes on\n"])
    expect(out).toContain('"certificate_status":"started"')
    await issue(api, "proxy-late-internal")
    await cli(["proxy-create", "bare.internal", target, "alice", "enable-https=false"])
    expect((await cli(["proxy-cert-generate", "bare.internal", "alice", "--wait", "--timeout", "0"])).code).toBe(4)
    const service = { service_name: "awaited", image: "nginx" }
    await api.call("POST", "/api/v1/services", service)
    const made = ["service-proxy-create", "awaited", "awaited.internal", "true", "ADMIN"]
    expect((await cli([...made, "--wait", "--timeout", "0"])).code).toBe(4)
    expect((await cli(["service-proxy-create", "awaited", "open.internal", "false", "--wait"])).code).toBe(0)
    const told = await cli(["proxy-create", "told.internal", target, "alice"], { tty: true })
    expect(told.err).toBe("follow its certificate with: just cert-status proxy-told-internal\n")
  })

  test("create a group with one certificate, again and again, but not over others", async () => {
    const first = await cli(["proxy-create-group", "app", "a.app.internal,b.app.internal", target, "alice"])
    const actions = (ran: typeof first) =>
      ran.json<{ targets: { action: string; cert_name: string }[] }>().targets.map(({ action }) => action)
    expect(actions(first)).toEqual(["created", "created"])
    const { position } = await api.store.head()
    expect(actions(await cli(["proxy-create-group", "app", "a.app.internal b.app.internal", target, "alice"]))).toEqual(
      ["updated", "updated"],
    )
    expect((await api.store.head()).position).toBe((await revealsAfter(position)) + position)
    const other = await cli(["proxy-create-group", "app", "a.app.internal c.app.internal", target, "alice"])
    expect([other.code, other.err]).toEqual([1, expect.stringContaining("+c.app.internal -b.app.internal")])
    await cli(["proxy-create", "foreign.internal", target, "ADMIN"])
    const foreign = await cli(["proxy-create-group", "mix", "x.internal foreign.internal", target, "alice"])
    expect([foreign.code, foreign.err]).toEqual([
      1,
      expect.stringMatching(/^not_owner: nothing was changed.*foreign\.internal/),
    ])
    expect((await cli(["proxy-show", "x.internal"])).code).toBe(1)
    expect((await cli(["proxy-create-group", "one", "x.internal", target, "alice"])).code).toBe(2)
  })

  test("protect a proxy and keep its restrictions unless told otherwise", async () => {
    await cli(["proxy-create", "guarded.internal", target, "alice"])
    const early = await cli(["proxy-auth-config", "guarded.internal", "alice", "ann"])
    expect([early.code, early.err]).toEqual([1, expect.stringContaining("proxy-auth-enable")])
    const enabled = await cli(["proxy-auth-enable", "guarded.internal", "alice", "auth.localhost", "forward"])
    expect(enabled.json()["proxy_target"]).toMatchObject({ auth_enabled: true, auth_mode: "forward" })
    await cli(["proxy-auth-config", "guarded.internal", "alice", "ann, bob", "groups=staff"])
    await cli(["proxy-auth-enable", "guarded.internal", "alice", "auth.localhost", "passthrough"])
    expect((await cli(["proxy-auth-show", "guarded.internal"])).json()).toMatchObject({
      auth_mode: "passthrough",
      auth_required_users: ["ann", "bob"],
      auth_required_emails: null,
      auth_required_groups: ["staff"],
    })
    const dropping = await cli(["proxy-auth-config", "guarded.internal", "alice", "users=ann"])
    expect([dropping.code, dropping.err]).toEqual([3, expect.stringContaining("auth_required_groups")])
    expect((await cli(["proxy-auth-config", "guarded.internal", "alice", "users=ann", "--yes"])).code).toBe(0)
    await cli(["proxy-auth-disable", "guarded.internal", "alice"])
    expect((await cli(["proxy-auth-show", "guarded.internal"])).json()).toEqual({ auth_enabled: false })
  })

  test("make a proxy an MCP resource", async () => {
    await cli(["proxy-create", "tools.internal", target, "alice"])
    const enabled = await cli(["proxy-mcp-enable", "tools.internal", "alice", "", "mcp:read,x:y", "stateful"])
    expect(enabled.json()).toMatchObject({ resource: "https://tools.internal:8443/mcp" })
    expect((await cli(["proxy-mcp-show", "tools.internal"])).json()).toMatchObject({
      mcp_scopes: ["mcp:read", "x:y"],
      mcp_stateful: true,
    })
    await cli(["proxy-mcp-disable", "tools.internal", "alice"])
    expect((await cli(["proxy-mcp-show", "tools.internal"])).json()).toEqual({ mcp_enabled: false })
  })
})

/** Events after a position, all of which must be reveals: a token named by its name is revealed each time. */
async function revealsAfter(position: number): Promise<number> {
  const events = await api.store.read(position, 100)
  expect(events.every(({ type }) => type === "TokenRevealed")).toBe(true)
  return events.length
}
