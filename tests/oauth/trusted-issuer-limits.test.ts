import { SignJWT, decodeJwt, exportJWK, generateKeyPair } from "jose"
import { type OAuthNode, oauthNode, protectedProxy } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, registerClient, tokenRequest } from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Server, createServer } from "node:http"
import { loadConfig } from "../../src/platform/config.ts"
import { once } from "node:events"

const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
let redis: RedisServer
let node: OAuthNode
let keys: Server
let issuer: string
let key: Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]
let client: TestClient
let resource: string

beforeAll(async () => {
  redis = await redisServer()
  const { privateKey, publicKey } = await generateKeyPair("ES256")
  key = privateKey
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "idp", alg: "ES256" }] }
  keys = createServer((request, response) => {
    const body = request.url === "/keys" ? jwks : { issuer, jwks_uri: `${issuer}/keys` }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))
  }).listen(0, "127.0.0.1")
  await once(keys, "listening")
  issuer = `http://127.0.0.1:${(keys.address() as { port: number }).port}`
  const env = { OAUTH_TRUSTED_ISSUERS: `company=${issuer}`, MCP_RESOURCE_INDICATORS_ENABLED: "false" }
  node = await oauthNode({ redisUrl: redis.url, env })
  await node.ensureSigningKey()
  resource = await protectedProxy(node, "mcp.test", { auth_required_groups: ["needed"] })
  client = await registerClient(node, {
    grant_types: ["authorization_code", grantType],
    token_endpoint_auth_method: "client_secret_post",
  })
})

afterAll(async () => {
  await node?.stop()
  keys?.closeAllConnections()
  keys?.close()
  await redis?.stop()
})

/** Redeems an assertion with these claims. */
async function redeem(claims: object, form: Record<string, string> = {}) {
  const at = Math.floor(Date.now() / 1000)
  const good = { iss: issuer, sub: "ann", aud: node.issuer, client_id: client.client_id, resource, groups: ["needed"] }
  const assertion = await new SignJWT({ ...good, jti: crypto.randomUUID(), iat: at, exp: at + 300, ...claims })
    .setProtectedHeader({ alg: "ES256", kid: "idp", typ: "oauth-id-jag+jwt" })
    .sign(key)
  const own = { client_id: client.client_id, client_secret: client.client_secret! }
  return tokenRequest(node, { grant_type: grantType, ...own, assertion, ...form })
}

describe("an assertion, where unknown resources are ignored", () => {
  it("for a resource of somebody else opens none of ours in its place", async () => {
    for (const elsewhere of ["https://elsewhere.test/", ["https://elsewhere.test/", "https://third.test/"], []]) {
      const answer = await redeem({ resource: elsewhere })
      expect([answer.status, answer.json()["error"]], JSON.stringify(elsewhere)).toEqual([400, "invalid_target"])
    }
  })

  it("for one of ours is good for that one, whatever else the request names", async () => {
    const answer = await redeem({}, { resource: "https://elsewhere.test/" })
    expect(answer.status, answer.text).toBe(200)
    expect(decodeJwt(answer.json<{ access_token: string }>().access_token).aud).toEqual([resource])
  })
})

describe("the groups of an assertion", () => {
  const groupsOf = async (groups: readonly string[]) => {
    const answer = await redeem({ groups })
    expect(answer.status, answer.text).toBe(200)
    return decodeJwt(answer.json<{ access_token: string }>().access_token)["groups"]
  }

  it("are all in the token while they fit into a header", async () => {
    expect(await groupsOf(["one", "needed"])).toEqual(["one", "needed"])
  })

  it("that are too many or too long are those that a rule names, wherever they stand", async () => {
    const many = Array.from({ length: 150 }, (_, index) => `group-${index}`)
    expect(await groupsOf([...many, "Needed"])).toEqual(["Needed"])
    const long = Array.from({ length: 30 }, (_, index) => `${index}`.padEnd(200, "x"))
    expect(await groupsOf([...long, "needed"])).toEqual(["needed"])
  })
})

describe("the names of issuers", () => {
  it("cannot be the beginning of one another, so that nobody speaks for another's people", () => {
    const env = { MASTER_KEY: node.config.MASTER_KEY, REDIS_URL: redis.url }
    const load = (value: string, more: object = {}) => loadConfig({ ...env, ...more, OAUTH_TRUSTED_ISSUERS: value })
    expect(() => load("a=https://one.example,a-b=https://two.example")).toThrow("OAUTH_TRUSTED_ISSUERS")
    expect(() => load("a-b=https://two.example,a=https://one.example")).toThrow("OAUTH_TRUSTED_ISSUERS")
    expect(() => load("a=https://one.example,ab=https://two.example")).not.toThrow()
    const login = { OIDC_ISSUER: "https://login.example", OIDC_CLIENT_ID: "x", OIDC_CLIENT_SECRET: "y" }
    expect(() => load("oidc-eu=https://two.example", login)).toThrow("OAUTH_TRUSTED_ISSUERS")
  })
})

describe("two people of one client", () => {
  it("have a grant each, whoever came first, and each gets what is theirs", async () => {
    const subjects: unknown[] = []
    for (const sub of ["ann", "bob", "ann", "bob"]) {
      const { access_token } = (await redeem({ sub })).json<{ access_token: string }>()
      const { sub: subject, sid } = decodeJwt(access_token)
      subjects.push([subject, sid])
    }
    expect(subjects.slice(0, 2).map((pair) => (pair as unknown[])[0])).toEqual(["oidc-company-ann", "oidc-company-bob"])
    expect(subjects.slice(2)).toEqual(subjects.slice(0, 2))
    expect(new Set(subjects.map((pair) => (pair as unknown[])[1])).size).toBe(2)
  })
})
