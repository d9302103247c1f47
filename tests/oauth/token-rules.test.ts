import { type Tokens, codeFor, redemption, refreshing, registerClient, tokenRequest, tokensFor } from "./flow.ts"
import { alice, basic, client, error, node, resource, second, tokenNode } from "./token-node.ts"
import { decodeJwt, decodeProtectedHeader } from "jose"
import { describe, expect, it } from "vitest"
import { send } from "./oauth-node.ts"
import { verify } from "../../src/oauth/verify.ts"

tokenNode()

describe("an access token", () => {
  it("says what RFC 9068 wants and what the gateway needs, and nothing else", async () => {
    const { access_token, expires_in, scope } = await tokensFor(node, client, alice, { resource: [resource, second] })
    expect(Object.keys(decodeProtectedHeader(access_token)).toSorted()).toEqual(["alg", "kid", "typ"])
    const claims = decodeJwt(access_token)
    expect(Object.keys(claims).toSorted()).toEqual(
      "aud auth_time azp client_id exp groups iat iss jti scope sid sub username".split(" "),
    )
    expect(claims).toMatchObject({ iss: node.issuer, aud: [resource, second], scope, azp: client.client_id })
    expect(claims.exp! - claims.iat!).toBe(expires_in)
    expect((await tokensFor(node, client, alice, { resource })).access_token).not.toContain(alice)
    expect(decodeJwt((await tokensFor(node, client, alice, { resource })).access_token).aud).toEqual([resource])
  })
})

describe("the verifier of a code", () => {
  it.each([
    ["is missing", undefined, "invalid_request"],
    ["is too short", "v".repeat(42), "invalid_grant"],
    ["is too long", "v".repeat(129), "invalid_grant"],
    ["has a character that it may not have", `${"v".repeat(43)}+`, "invalid_grant"],
    ["is the challenge itself", "challenge", "invalid_grant"],
  ])("that %s opens nothing and uses nothing up", async (_what, odd, expected) => {
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    const { code_verifier, ...form } = redemption(client, code, verifier)
    expect(await error(odd === undefined ? form : { ...form, code_verifier: odd })).toEqual([400, expected])
    expect((await tokenRequest(node, { ...form, code_verifier })).status).toBe(200)
  })
})

describe("a token request", () => {
  it("brings its parameters once each, in JSON too, and only resource in a list", async () => {
    const { code, verifier } = await codeFor(node, client, alice, { resource: [resource, second] })
    const form = redemption(client, code, verifier)
    const post = async (json: object) => {
      const answer = await send(node, "/token", { json })
      return [answer.status, answer.json()["error"]]
    }
    for (const name of ["grant_type", "client_id", "code", "code_verifier", "redirect_uri"])
      expect(await post({ ...form, [name]: [form[name as "code"], form[name as "code"]] }), name).toEqual([
        400,
        "invalid_request",
      ])
    expect(await post({ ...form, code: { a: 1 } })).toEqual([400, "invalid_request"])
    expect(await post({ ...form, resource: [resource, second] })).toEqual([200, undefined])
  })

  it("is not told apart by what is wrong with its client", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
    const form = { grant_type: "refresh_token", refresh_token: "x" }
    const texts = new Set<string>()
    for (const [id, secret] of [
      ["mcp_unknown", "x"],
      [confidential.client_id, "x"],
      [client.client_id, "x"],
    ] as const)
      texts.add((await tokenRequest(node, form, basic(id, secret))).text)
    expect(texts.size).toBe(1)
  })

  it("of a client that did not register a grant is unauthorized_client, of one that nobody may use unsupported", async () => {
    const plain = await registerClient(node, { grant_types: ["authorization_code"] })
    const { refresh_token } = await tokensFor(node, client, alice, { resource })
    const device = { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: "x" }
    expect(await error({ ...device, client_id: plain.client_id })).toEqual([400, "unauthorized_client"])
    expect(await error({ grant_type: "client_credentials", client_id: plain.client_id })).toEqual([
      400,
      "unauthorized_client",
    ])
    expect(await error(refreshing(plain, refresh_token))).toEqual([400, "invalid_grant"])
    for (const grant_type of ["implicit", "urn:ietf:params:oauth:grant-type:token-exchange", "__proto__"])
      expect(await error({ grant_type, client_id: client.client_id }), grant_type).toEqual([
        400,
        "unsupported_grant_type",
      ])
  })
})

describe("revocation and introspection", () => {
  it("revoking what has expired is 200, and ends nothing else", async () => {
    const { access_token, refresh_token } = await tokensFor(node, client, alice, { resource })
    node.clock.offset = node.config.OAUTH_ACCESS_TOKEN_LIFETIME * 1000 + 1000
    const form = { client_id: client.client_id, token: access_token }
    expect((await send(node, "/revoke", { form })).status).toBe(200)
    expect((await tokenRequest(node, refreshing(client, refresh_token))).status).toBe(200)
  })

  it("revoking another client's token is 200, and the token stays good", async () => {
    const { access_token } = await tokensFor(node, client, alice, { resource })
    const other = await registerClient(node)
    expect((await send(node, "/revoke", { form: { client_id: other.client_id, token: access_token } })).status).toBe(
      200,
    )
    const headers = { authorization: `Bearer ${access_token}` }
    expect((await send(node, "/verify", { headers })).status).toBe(200)
    expect((await send(node, "/revoke", { form: { client_id: client.client_id, token: access_token } })).status).toBe(
      200,
    )
    expect((await send(node, "/verify", { headers })).status).toBe(401)
  })

  it("tells of a good token exactly what RFC 7662 names, and of no other anything", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: "client_secret_post" })
    const own = { client_id: confidential.client_id, client_secret: confidential.client_secret! }
    const { code, verifier } = await codeFor(node, confidential, alice, { resource })
    const tokens = (await tokenRequest(node, { ...redemption(confidential, code, verifier), ...own })).json<Tokens>()
    const ask = async (token: string) => (await send(node, "/introspect", { form: { ...own, token } })).json()
    const told = await ask(tokens.access_token)
    expect(Object.keys(told).toSorted()).toEqual(
      "active aud client_id exp iat iss jti scope sid sub token_type username".split(" "),
    )
    const changed = `${tokens.access_token.slice(0, -2)}${tokens.access_token.endsWith("AA") ? "BB" : "AA"}`
    for (const token of [changed, "x", `${tokens.refresh_token}x`, code, confidential.registration_access_token])
      expect(await ask(token)).toEqual({ active: false })
    const nothing = await send(node, "/introspect", { form: own })
    expect([nothing.status, nothing.json()["error"]]).toEqual([400, "invalid_request"])
  })
})

describe("a registration's own token", () => {
  const at = (path: string, token: string, sending: object = {}) =>
    send(node, path, { headers: { authorization: `Bearer ${token}` }, ...sending })

  it("is the same after each use, and nothing that others do with their own changes a foreign registration", async () => {
    const [mine, theirs] = [await registerClient(node), await registerClient(node)]
    const path = `/register/${mine.client_id}`
    const json = { client_id: mine.client_id, client_name: "Taken", redirect_uris: ["https://evil.example/cb"] }
    for (const method of ["GET", "PUT", "DELETE"]) {
      const sending = method === "PUT" ? { method, json } : { method }
      const answer = await at(path, theirs.registration_access_token, sending)
      expect([answer.status, answer.headers["www-authenticate"]], method).toEqual([401, 'Bearer error="invalid_token"'])
    }
    for (const round of [1, 2]) {
      const read = await at(path, mine.registration_access_token)
      expect([read.status, read.json()["registration_access_token"]], `${round}`).toEqual([
        200,
        mine.registration_access_token,
      ])
      expect(read.json()).toMatchObject({ client_name: "Test client", redirect_uris: [mine.redirect_uri] })
      expect(read.headers["cache-control"]).toBe("no-store")
    }
  })

  it("is bound to the one spelling of its id", async () => {
    const mine = await registerClient(node)
    for (const id of [mine.client_id.toUpperCase(), `${mine.client_id}%00`, `${mine.client_id}%20`])
      expect((await at(`/register/${id}`, mine.registration_access_token)).status, id).toSatisfy(
        (status: number) => status === 401 || status === 404,
      )
  })
})

describe("forward authentication", () => {
  it("says that it cannot decide while this node does not know everything yet", async () => {
    const behind = { projections: { ready: false } } as Parameters<typeof verify>[0]
    await expect(verify(behind, {} as Parameters<typeof verify>[1])).rejects.toMatchObject({
      code: "projection_behind",
      status: 503,
    })
  })
})
