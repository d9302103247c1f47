import { apiToken, protectedProxy } from "./oauth-node.ts"
import { describe, expect, it } from "vitest"
import { all, find } from "../../src/events/world.ts"
import { randomSecret, sha256 } from "../../src/platform/ids.ts"
import { machineNode, node, resource, created, request, errorOf, claimsOf, verify } from "./machine-client.ts"

machineNode()

describe("a client that acts for itself", () => {
  it("gets an access token with itself as subject, and no refresh token", async () => {
    const client = await created({ client_name: "Nightly job" })
    const answer = await request(client)
    expect(answer.status, answer.text).toBe(200)
    expect(answer.headers["cache-control"]).toBe("no-store")
    expect(answer.json()).toEqual({
      access_token: expect.any(String) as string,
      token_type: "Bearer",
      expires_in: 1800,
      scope: "mcp:read mcp:write",
    })
    expect(claimsOf(answer)).toMatchObject({
      sub: client.id,
      client_id: client.id,
      azp: client.id,
      aud: [resource],
      groups: [],
    })
    expect(await verify(answer)).toBe(200)
    expect(find(node.world, "client", client.id)?.used_at).not.toBeNull()
  })

  it("gets what it asks for and never more than it was given", async () => {
    const client = await created({ scope: "mcp:read offline_access" })
    expect((await request(client)).json()["scope"]).toBe("mcp:read")
    expect(errorOf(await request(client, { scope: "mcp:write" }))).toEqual([400, "invalid_scope"])
    expect(errorOf(await request(client, { scope: "mcp:admin" }))).toEqual([400, "invalid_scope"])
    expect(errorOf(await request(client, { scope: "offline_access" }))).toEqual([400, "invalid_scope"])
  })

  it("must name a resource that exists", async () => {
    const client = await created()
    expect(errorOf(await request(client, { resource: [] }))).toEqual([400, "invalid_target"])
    expect(errorOf(await request(client, { resource: "https://elsewhere.test/" }))).toEqual([400, "invalid_target"])
  })

  it("has one grant however often it asks, and loses every token with it", async () => {
    const client = await created()
    const other = await protectedProxy(node, "second.test")
    const first = await request(client)
    const second = await request(client, { resource: other })
    expect(claimsOf(first)["sid"]).toBe(claimsOf(second)["sid"])
    const grants = () => [...all(node.world, "grant")].filter(({ client_id }) => client_id === client.id)
    expect(grants()).toHaveLength(1)
    expect(grants()[0]).toMatchObject({
      subject: client.id,
      provider: "client",
      resources: [resource, other],
      redirect_uri: null,
    })
    const position = node.world.position
    await request(client)
    expect(node.world.position).toBe(position)
    expect([await verify(first), await verify(second, "second.test")]).toEqual([200, 200])
    await node.execute("RevokeGrant", { grant_id: claimsOf(first)["sid"], reason: "admin" })
    expect([await verify(first), await verify(second, "second.test")]).toEqual([401, 401])
    expect(await verify(await request(client))).toBe(200)
    expect([await verify(first), await verify(second, "second.test")]).toEqual([401, 401])
  })

  it("can lose one token alone", async () => {
    const client = await created()
    const [first, second] = [await request(client), await request(client)]
    const { jti, sid, exp } = claimsOf(first)
    const data = { grant_id: sid, jti, expires_at: new Date(exp! * 1000).toISOString() }
    await node.execute("RevokeAccessToken", data)
    await node.execute("RevokeAccessToken", data)
    expect([await verify(first), await verify(second)]).toEqual([401, 200])
    expect(find(node.world, "grant", sid as string)?.revoked_tokens).toHaveLength(1)
  })

  it("is let through a rule that names it, and stopped by one that does not", async () => {
    const client = await created()
    const strict = await protectedProxy(node, "strict.test", { auth_required_users: ["somebody"] })
    expect(errorOf(await request(client, { resource: strict }))).toEqual([400, "invalid_target"])
    const named = await protectedProxy(node, "named.test", { auth_required_users: [`client:${client.id}`] })
    expect(await verify(await request(client, { resource: named }), "named.test")).toBe(200)
    const other = await created()
    expect(errorOf(await request(other, { resource: named }))).toEqual([400, "invalid_target"])
  })

  it("of an owner reaches that owner's proxies, and others only by name", async () => {
    const client = await created({}, { owner: "owner" })
    expect(errorOf(await request(client))).toEqual([400, "invalid_target"])
    const named = await protectedProxy(node, "named2.test", { auth_required_users: [`client:${client.id}`] })
    expect((await request(client, { resource: named })).status).toBe(200)
    const own = await protectedProxy(node, "own.test", {}, {}, "owner")
    expect((await request(client, { resource: own })).status).toBe(200)
    expect((await request(client, { resource: [own, named] })).status).toBe(200)
    expect(errorOf(await request(client, { resource: [own, resource] })), "not all are").toEqual([
      400,
      "invalid_target",
    ])
  })

  it("may have administration where a rule gives it", async () => {
    const client = await created()
    const mcp = {
      mcp_scopes: ["mcp:read", "mcp:admin"],
      mcp_scope_rules: [{ scope: "mcp:admin", users: [`client:${client.id}`] }],
    }
    const ruled = await protectedProxy(node, "ruled.test", {}, mcp)
    expect((await request(client, { resource: ruled, scope: "mcp:admin" })).json()["scope"]).toBe("mcp:admin")
    expect((await request(client, { resource: ruled })).json()["scope"]).toBe("mcp:read")
    expect(errorOf(await request(await created(), { resource: ruled, scope: "mcp:admin" }))).toEqual([
      400,
      "invalid_scope",
    ])
  })

  it("is nobody any more when it is switched off, expired, deleted, or its secret was replaced", async () => {
    const client = await created({}, { expires_at: new Date(Date.now() + 3_600_000).toISOString() })
    const answer = await request(client)
    await node.execute("SetClientStatus", { client_id: client.id, disabled: true })
    expect([errorOf(await request(client)), await verify(answer)]).toEqual([[401, "invalid_client"], 401])
    await node.execute("SetClientStatus", { client_id: client.id, disabled: false })
    const renewed = randomSecret()
    await node.execute("ReplaceClientSecret", { client_id: client.id, secret_hash: sha256(renewed) })
    expect(errorOf(await request(client))).toEqual([401, "invalid_client"])
    expect((await request({ id: client.id, secret: renewed })).status).toBe(200)
    node.clock.offset = 7_776_000_000 + 60_000
    expect(errorOf(await request({ id: client.id, secret: renewed }))).toEqual([401, "invalid_client"])
    node.clock.offset = 0
    await node.execute("DeleteClient", { client_id: client.id, reason: "test" })
    expect(errorOf(await request({ id: client.id, secret: renewed }))).toEqual([401, "invalid_client"])
  })

  it("does not live without whoever set it up", async () => {
    await apiToken(node, "leaving")
    const client = await created({}, { owner: "leaving" })
    await node.execute("DeleteToken", {
      name: "leaving",
      cascade: true,
      force: true,
      dry_run: false,
      reassign_to: null,
    })
    expect(errorOf(await request(client))).toEqual([401, "invalid_client"])
    await apiToken(node, "leaving")
    expect(errorOf(await request(client))).toEqual([401, "invalid_client"])
  })
})
