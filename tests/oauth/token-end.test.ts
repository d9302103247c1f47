import { send } from "./oauth-node.ts"
import { type Tokens, codeFor, redemption, refreshing, registerClient, tokenRequest, tokensFor } from "./flow.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import { tokenNode, node, alice, resource, client, claims, basic } from "./token-node.ts"

tokenNode()

describe("revocation", () => {
  it("answers 200 and does nothing for what is not the client's", async () => {
    const { refresh_token, access_token } = await tokensFor(node, client, alice, { resource })
    const other = await registerClient(node)
    for (const token of [refresh_token, access_token, "garbage", `${refresh_token}x`])
      expect((await send(node, "/revoke", { form: { client_id: other.client_id, token } })).status).toBe(200)
    expect(find(node.world, "grant", claims(access_token).sid)).toBeDefined()
    expect(await works(access_token)).toBe(true)
    expect((await tokenRequest(node, refreshing(client, refresh_token))).status).toBe(200)
  })

  const revoke = (form: Record<string, string>) => send(node, "/revoke", { form })
  const works = async (token: string) =>
    (await send(node, "/verify", { headers: { authorization: `Bearer ${token}` } })).status === 200

  it("needs a token and a client", async () => {
    const { access_token } = await tokensFor(node, client, alice, { resource })
    expect((await revoke({ client_id: client.client_id })).json()["error"]).toBe("invalid_request")
    expect((await revoke({ token: access_token })).status).toBe(401)
    expect((await revoke({ client_id: "mcp_nobody_nobody", token: access_token })).status).toBe(401)
    expect(await works(access_token)).toBe(true)
  })

  it("of an access token ends it alone, whatever the hint says", async () => {
    const first = await tokensFor(node, client, alice, { resource })
    const second = (await tokenRequest(node, refreshing(client, first.refresh_token))).json<Tokens>()
    const form = { client_id: client.client_id, token: first.access_token, token_type_hint: "refresh_token" }
    expect((await revoke(form)).status).toBe(200)
    expect([await works(first.access_token), await works(second.access_token)]).toEqual([false, true])
    expect((await revoke(form)).status, "twice").toBe(200)
    expect((await tokenRequest(node, refreshing(client, second.refresh_token))).status).toBe(200)
    expect(find(node.world, "grant", claims(first.access_token).sid)).toBeDefined()
  })

  it("of a refresh token ends its grant and every token of that, whatever the hint says", async () => {
    const first = await tokensFor(node, client, alice, { resource })
    const second = (await tokenRequest(node, refreshing(client, first.refresh_token))).json<Tokens>()
    const form = { client_id: client.client_id, token: second.refresh_token, token_type_hint: "access_token" }
    expect((await revoke(form)).status).toBe(200)
    expect([await works(first.access_token), await works(second.access_token)]).toEqual([false, false])
    const again = await tokenRequest(node, refreshing(client, second.refresh_token))
    expect([again.status, again.json()["error"]]).toEqual([400, "invalid_grant"])
    expect(find(node.world, "grant", claims(first.access_token).sid)).toBeUndefined()
  })
})

describe("introspection", () => {
  it("tells a token's client and an administrator, and nobody else", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
    const { code, verifier: codeVerifier } = await codeFor(node, confidential, alice, { resource })
    const own = basic(confidential.client_id, confidential.client_secret!)
    const tokens = (await tokenRequest(node, { ...redemption(confidential, code, codeVerifier) }, own)).json<Tokens>()
    const ask = async (token: string, headers: Record<string, string>) =>
      (await send(node, "/introspect", { form: { token }, headers })).json()
    expect(await ask(tokens.access_token, own)).toMatchObject({
      active: true,
      token_type: "Bearer",
      client_id: confidential.client_id,
      sub: "local-alice",
      aud: [resource],
      iss: node.issuer,
      scope: "mcp:read mcp:write",
    })
    expect(await ask(tokens.refresh_token, own)).toMatchObject({
      active: true,
      token_type: "refresh_token",
      aud: [resource],
    })
    const foreign = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
    expect(await ask(tokens.access_token, basic(foreign.client_id, foreign.client_secret!))).toEqual({ active: false })
    expect(await ask(tokens.access_token, { authorization: `Bearer ${alice}` })).toEqual({ active: false })
    expect(await ask("garbage", own)).toEqual({ active: false })
    await send(node, "/revoke", { form: { token: tokens.refresh_token }, headers: own })
    expect(await ask(tokens.access_token, own)).toEqual({ active: false })
    expect((await send(node, "/introspect", { form: { token: "x" } })).status).toBe(401)
    expect((await send(node, "/introspect", { form: { token: "x", client_id: client.client_id } })).status).toBe(401)
    expect(
      (await send(node, "/introspect", { form: { token: "x" }, headers: { authorization: "Bearer x" } })).status,
    ).toBe(401)
  })
})
