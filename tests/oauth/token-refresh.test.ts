import { apiToken, protectedProxy, send } from "./oauth-node.ts"
import { type Tokens, codeFor, redemption, refreshing, registerClient, tokenRequest, tokensFor } from "./flow.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import { tokenNode, node, alice, resource, second, client, claims, error } from "./token-node.ts"

tokenNode()

describe("a refresh token", () => {
  it("is answered with the same successor for 30 seconds, while that is unused", async () => {
    node.clock.at = Date.now()
    const first = await tokensFor(node, client, alice, { resource })
    const next = (await tokenRequest(node, refreshing(client, first.refresh_token))).json<Tokens>()
    node.clock.offset = 29_999
    const again = (await tokenRequest(node, refreshing(client, first.refresh_token))).json<Tokens>()
    expect(again.refresh_token).toBe(next.refresh_token)
  })

  it.each([
    ["after 30 seconds", 31_000, false],
    ["after its successor was used", 0, true],
  ])("takes the grant with it when it comes back %s", async (_when, later, useSuccessor) => {
    const first = await tokensFor(node, client, alice, { resource })
    let newest = (await tokenRequest(node, refreshing(client, first.refresh_token))).json<Tokens>()
    if (useSuccessor) newest = (await tokenRequest(node, refreshing(client, newest.refresh_token))).json<Tokens>()
    node.clock.offset = later
    expect(await error(refreshing(client, first.refresh_token))).toEqual([400, "invalid_grant"])
    expect(find(node.world, "grant", claims(first.access_token).sid)).toBeUndefined()
    expect(await error(refreshing(client, newest.refresh_token))).toEqual([400, "invalid_grant"])
  })

  it("stays dead after it came back, although its grant could not be ended", async () => {
    const { refresh_token } = await tokensFor(node, client, alice, { resource })
    const family = refresh_token.split(".")[0]!
    const rotate = async (generation: number) =>
      (await node.ttl.rotate(family, client.client_id, generation, Date.now(), 30_000, 60_000)).status
    expect([await rotate(1), await rotate(2), await rotate(1), await rotate(3)]).toEqual([
      "current",
      "current",
      "reused",
      "reused",
    ])
    expect(await error(refreshing(client, refresh_token))).toEqual([400, "invalid_grant"])
    expect(find(node.world, "grant", family)).toBeUndefined()
  })

  it("is worth nothing to another client, and loses nothing by its attempt", async () => {
    const { refresh_token } = await tokensFor(node, client, alice, { resource })
    const other = await registerClient(node)
    expect(await error(refreshing(other, refresh_token))).toEqual([400, "invalid_grant"])
    expect((await tokenRequest(node, refreshing(client, refresh_token))).status).toBe(200)
  })

  it("is worth nothing to a client that gave up the grant, and its code neither", async () => {
    const own = await registerClient(node)
    const { refresh_token } = await tokensFor(node, own, alice, { resource })
    const { code, verifier } = await codeFor(node, own, alice, { resource })
    const changed = await send(node, `/register/${own.client_id}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${own.registration_access_token}` },
      json: {
        client_id: own.client_id,
        grant_types: ["urn:ietf:params:oauth:grant-type:device_code"],
        token_endpoint_auth_method: "none",
      },
    })
    expect(changed.status).toBe(200)
    expect(await error(refreshing(own, refresh_token))).toEqual([400, "unauthorized_client"])
    expect(await error(redemption(own, code, verifier))).toEqual([400, "unauthorized_client"])
  })

  it("cannot be made or changed", async () => {
    const { refresh_token } = await tokensFor(node, client, alice, { resource })
    const [family, , mac] = refresh_token.split(".")
    for (const forged of [
      `${family}.2.${mac}`,
      `${family}.1.${"A".repeat(43)}`,
      `${family}.1`,
      `${family}.01.${mac}`,
      "x",
      `${family}.-1.${mac}`,
    ])
      expect(await error(refreshing(client, forged)), forged).toEqual([400, "invalid_grant"])
    expect((await tokenRequest(node, refreshing(client, refresh_token))).status).toBe(200)
  })

  it("narrows and never widens, and is not used up by a request for more", async () => {
    const { refresh_token } = await tokensFor(node, client, alice, { resource, scope: "mcp:read" })
    const form = refreshing(client, refresh_token)
    expect(await error({ ...form, scope: "mcp:read mcp:write" })).toEqual([400, "invalid_scope"])
    expect(await error({ ...form, resource: second })).toEqual([400, "invalid_target"])
    expect(await error({ ...form, resource: "not a uri" })).toEqual([400, "invalid_target"])
    const answer = await tokenRequest(node, { ...form, scope: "mcp:read", resource })
    expect(answer.json<Tokens>().refresh_token).toMatch(/^[0-9a-f-]{36}\.2\./)
  })

  it("is refused as soon as a rule shuts the person out, and not used up while its proxy is off", async () => {
    const hostname = "third.test"
    const third = await protectedProxy(node, hostname)
    const { refresh_token } = await tokensFor(node, client, alice, { resource: third })
    await node.execute("UpdateProxy", { hostname, changes: { enabled: false }, force: false })
    expect(await error(refreshing(client, refresh_token))).toEqual([400, "invalid_target"])
    await node.execute("UpdateProxy", { hostname, changes: { enabled: true }, force: false })
    const next = (await tokenRequest(node, refreshing(client, refresh_token))).json<Tokens>()
    const auth = find(node.world, "proxy", hostname)!.auth!
    await node.execute("SetProxyAuth", { hostname, auth: { ...auth, auth_required_users: ["bob"] } })
    expect(await error(refreshing(client, next.refresh_token))).toEqual([400, "invalid_grant"])
  })

  it("is refused when the API token behind the login is gone, or another stands under its name", async () => {
    const carol = await apiToken(node, "carol")
    const { refresh_token } = await tokensFor(node, client, carol, { resource })
    await node.execute("DeleteToken", { name: "carol" })
    expect(await error(refreshing(client, refresh_token))).toEqual([400, "invalid_grant"])
    await apiToken(node, "carol")
    expect(await error(refreshing(client, refresh_token))).toEqual([400, "invalid_grant"])
  })

  it("loses the scopes that its resource has no more", async () => {
    const hostname = "fourth.test"
    const fourth = await protectedProxy(node, hostname)
    const { refresh_token } = await tokensFor(node, client, alice, { resource: fourth })
    const mcp = find(node.world, "proxy", hostname)!.mcp!
    await node.execute("SetProxyMcp", { hostname, mcp: { ...mcp, mcp_scopes: ["mcp:read"] } })
    expect((await tokenRequest(node, refreshing(client, refresh_token))).json<Tokens>().scope).toBe("mcp:read")
  })
})
