import { oauthNode, send } from "./oauth-node.ts"
import { type JWTHeaderParameters, type JWTPayload, SignJWT, exportJWK, generateKeyPair } from "jose"
import { beforeAll, describe, expect, it } from "vitest"
import { randomSecret } from "../../src/platform/ids.ts"
import { tokenRequest } from "./flow.ts"
import {
  machineNode,
  type Key,
  redis,
  node,
  resource,
  keys,
  machine,
  created,
  basic,
  errorOf,
} from "./machine-client.ts"

machineNode()

describe("a client that signs its requests", () => {
  const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
  let id: string

  beforeAll(async () => {
    id = `mcp_${randomSecret(16)}`
    const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: "one" }] }
    const metadata = { ...machine, token_endpoint_auth_method: "private_key_jwt", jwks }
    await node.execute("CreateClient", { client_id: id, metadata, secret_hash: null })
  })

  const seconds = () => Math.floor(Date.now() / 1000)
  const good = (): JWTPayload => ({ iss: id, sub: id, aud: node.issuer, exp: seconds() + 60, jti: crypto.randomUUID() })
  const sign = (claims: JWTPayload, header: Partial<JWTHeaderParameters> = {}, key: Key = keys.privateKey) =>
    new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "one", ...header }).sign(key)
  const present = (assertion: string, form: Record<string, string> = {}, headers = {}) =>
    tokenRequest(
      node,
      { grant_type: "client_credentials", resource, client_assertion_type: type, client_assertion: assertion, ...form },
      headers,
    )

  it("is known by an assertion for the issuer or the token endpoint", async () => {
    expect((await present(await sign(good()))).status).toBe(200)
    expect((await present(await sign({ ...good(), aud: `${node.issuer}/token` }))).status).toBe(200)
    expect((await present(await sign({ ...good(), aud: [node.issuer] }), { client_id: id })).status).toBe(200)
    const answer = await send(node, "/introspect", {
      form: { token: "x", client_assertion_type: type, client_assertion: await sign(good()) },
    })
    expect(answer.json()).toEqual({ active: false })
  })

  it("is known by each assertion once, on every node", async () => {
    const assertion = await sign(good())
    const other = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false })
    try {
      const form = {
        grant_type: "client_credentials",
        resource,
        client_assertion_type: type,
        client_assertion: assertion,
      }
      const answers = await Promise.all([node, other, node, other].map((at) => tokenRequest(at, form)))
      expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 401, 401, 401])
    } finally {
      await other.stop()
    }
  })

  it("is known once by one that is just over, which clocks forgive", async () => {
    const assertion = await sign({ ...good(), exp: seconds() - 30 })
    expect((await present(assertion)).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(errorOf(await present(assertion))).toEqual([401, "invalid_client"])
  })

  it.each([
    ["another issuer", () => sign({ ...good(), iss: "mcp_other_other" })],
    ["another subject", () => sign({ ...good(), sub: "mcp_other_other" })],
    ["another audience", () => sign({ ...good(), aud: "https://elsewhere.example" })],
    [
      "somebody else's audience besides ours",
      () => sign({ ...good(), aud: [node.issuer, "https://elsewhere.example"] }),
    ],
    ["no audience", () => sign({ iss: id, sub: id, exp: seconds() + 60, jti: "a" })],
    ["no end", () => sign({ iss: id, sub: id, aud: node.issuer, jti: "b" })],
    ["an end in the past", () => sign({ ...good(), exp: seconds() - 61 })],
    ["an end too far away", () => sign({ ...good(), exp: seconds() + 3600 })],
    ["a beginning in the future", () => sign({ ...good(), nbf: seconds() + 120 })],
    ["no id", () => sign({ iss: id, sub: id, aud: node.issuer, exp: seconds() + 60 })],
    ["an id that is no text", () => sign({ ...good(), jti: 7 as unknown as string })],
    ["an unknown key", () => sign(good(), { kid: "two" })],
    ["somebody else's key", async () => sign(good(), {}, (await generateKeyPair("ES256")).privateKey)],
    ["a header that asks for more", () => sign(good(), { crit: ["x"], x: 1 }).catch(() => "unsignable")],
    [
      "no signature",
      async () => {
        const [, payload] = (await sign(good())).split(".")
        return `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`
      },
    ],
    [
      "the public key as a shared secret",
      async () => {
        const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(keys.publicKey)))
        return new SignJWT(good()).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(secret)
      },
    ],
    ["nonsense", () => "a.b.c"],
    ["nothing that could be one", () => "x"],
  ])("is refused with %s", async (_what, assertion) => {
    expect(errorOf(await present(await assertion()))).toEqual([401, "invalid_client"])
  })

  it("uses one method, and its own", async () => {
    const secretive = await created()
    expect(errorOf(await present(await sign(good()), {}, basic(secretive)))).toEqual([400, "invalid_request"])
    expect(errorOf(await present(await sign(good()), { client_secret: "x" }))).toEqual([400, "invalid_request"])
    expect(errorOf(await present(await sign(good()), { client_id: secretive.id }))).toEqual([400, "invalid_request"])
    expect(errorOf(await present(await sign(good()), { client_assertion_type: "x" }))).toEqual([401, "invalid_client"])
    expect(errorOf(await tokenRequest(node, { grant_type: "client_credentials", resource, client_id: id }))).toEqual([
      401,
      "invalid_client",
    ])
    expect(
      errorOf(await tokenRequest(node, { grant_type: "client_credentials", resource }, basic({ id, secret: "" }))),
    ).toEqual([401, "invalid_client"])
    const posing = { ...good(), iss: secretive.id, sub: secretive.id }
    expect(errorOf(await present(await sign(posing)))).toEqual([401, "invalid_client"])
  })

  it("may register itself so for logins, but not to act for itself", async () => {
    const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: "one", extra: "dropped" }] }
    const registration = {
      redirect_uris: ["https://client.example/cb"],
      token_endpoint_auth_method: "private_key_jwt",
      jwks,
    }
    const answer = await send(node, "/register", { json: registration })
    expect(answer.status).toBe(201)
    expect(answer.json()).not.toHaveProperty("client_secret")
    expect(answer.json()["jwks"]).toEqual({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: "one" }] })
    const self = answer.json<{ client_id: string }>().client_id
    const claims = { ...good(), iss: self, sub: self }
    expect(errorOf(await present(await sign(claims)))).toEqual([400, "unauthorized_client"])
  })
})
