import { send } from "./oauth-node.ts"
import {
  type Tokens,
  codeFor,
  redemption,
  refreshing,
  registerClient,
  tokenRequest,
  tokensFor,
  verifier,
} from "./flow.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import { tokenNode, node, alice, resource, second, client, claims, error } from "./token-node.ts"

tokenNode()

describe("a code", () => {
  it("stays good after every attempt that lacks a binding, and goes to its owner", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    const good = redemption(client, code, codeVerifier)
    const other = await registerClient(node)
    const { code_verifier: _, ...withoutVerifier } = good
    const { redirect_uri: __, ...withoutRedirect } = good
    expect(await error({ ...good, client_id: other.client_id })).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, code_verifier: verifier() })).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, code_verifier: "short" })).toEqual([400, "invalid_grant"])
    expect(await error(withoutVerifier)).toEqual([400, "invalid_request"])
    expect(await error({ ...good, redirect_uri: "https://client.example/other" })).toEqual([400, "invalid_grant"])
    expect(await error(withoutRedirect)).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, code: `${code}x` })).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, code: code.replace(/\..*/, ".forged") })).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, resource: second })).toEqual([400, "invalid_target"])
    expect((await tokenRequest(node, good)).status).toBe(200)
  })

  it("ends its grant when it is used twice", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    const tokens = (await tokenRequest(node, redemption(client, code, codeVerifier))).json<Tokens>()
    expect(find(node.world, "grant", claims(tokens.access_token).sid)).toBeDefined()
    expect(await error(redemption(client, code, codeVerifier))).toEqual([400, "invalid_grant"])
    expect(find(node.world, "grant", claims(tokens.access_token).sid)).toBeUndefined()
    expect(await error(refreshing(client, tokens.refresh_token))).toEqual([400, "invalid_grant"])
  })

  it("lives a minute", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    node.clock.offset = 60_001
    expect(await error(redemption(client, code, codeVerifier))).toEqual([400, "invalid_grant"])
  })

  it("is worth nothing once its grant was revoked", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    await node.execute("RevokeGrant", { grant_id: code.split(".")[0]!, reason: "admin" })
    expect(await error(redemption(client, code, codeVerifier))).toEqual([400, "invalid_grant"])
  })

  it("needs no redirect URI when the authorization request had none", async () => {
    for (const redirect of [{}, { redirect_uri: client.redirect_uri }]) {
      const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource, redirect_uri: undefined })
      const { redirect_uri: _, ...form } = redemption(client, code, codeVerifier)
      expect((await tokenRequest(node, { ...form, ...redirect })).status).toBe(200)
    }
  })

  it("gives tokens for fewer resources than were authorized, and the common scopes", async () => {
    const both = [resource, second]
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource: both })
    const tokens = (
      await tokenRequest(node, { ...redemption(client, code, codeVerifier), resource: second })
    ).json<Tokens>()
    expect(claims(tokens.access_token)).toMatchObject({ aud: [second], scope: "mcp:read" })
    const next = (await tokenRequest(node, refreshing(client, tokens.refresh_token))).json<Tokens>()
    expect(claims(next.access_token).aud).toEqual(both)
  })

  it("comes as JSON too", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    const json = { ...redemption(client, code, codeVerifier), resource: [resource] }
    expect((await send(node, "/token/", { json })).status).toBe(200)
  })

  it("brings no refresh token to a client that did not register the grant, unless it asked for offline access", async () => {
    const plain = await registerClient(node, { grant_types: undefined })
    expect((await tokensFor(node, plain, alice, { resource })).refresh_token).toBeUndefined()
    const offline = await tokensFor(node, plain, alice, { resource, scope: "mcp:read offline_access" })
    expect(offline.scope).toBe("mcp:read offline_access")
    expect((await tokenRequest(node, refreshing(plain, offline.refresh_token))).status).toBe(200)
  })
})
