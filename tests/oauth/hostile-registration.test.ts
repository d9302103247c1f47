import { fc } from "../support/property.ts"
import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type Person, person } from "./person.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, authorizePath, registerClient, verifier } from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Pairs, bodyOf, expectHarmless, parametersOf, queryOf } from "./hostile-requests.ts"
import { redirectUrisProblem } from "../../src/events/redirect-uri.ts"

let redis: RedisServer
let node: OAuthNode
let client: TestClient
let other: TestClient
let waiting: Person
let transaction: string

beforeAll(async () => {
  redis = await redisServer()
  const env = {
    GITHUB_CLIENT_ID: "id",
    GITHUB_CLIENT_SECRET: "secret",
    GITHUB_BASE_URL: "http://127.0.0.1:9",
    OIDC_ISSUER: "http://127.0.0.1:9",
    OIDC_CLIENT_ID: "id",
    OIDC_CLIENT_SECRET: "secret",
    OAUTH_LOCAL_LOGIN: "true",
  }
  node = await oauthNode({ redisUrl: redis.url, env })
  await node.ensureSigningKey()
  await apiToken(node, "alice")
  const resource = await protectedProxy(node, "mcp.test")
  client = await registerClient(node)
  other = await registerClient(node)
  waiting = person(node)
  const consent = await waiting.visit(authorizePath(client, verifier(), { resource }))
  const login = await waiting.submit(consent, { decision: "allow" })
  transaction = login.location!.searchParams.get("transaction")!
})
afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const members = () => ({
  client_id: [client.client_id, other.client_id],
  client_name: ["Client"],
  redirect_uris: ["https://client.example/cb", "http://localhost/cb", "javascript:gh-mark", "com.example.app:/cb"],
  grant_types: ["authorization_code", "refresh_token", "implicit"],
  token_endpoint_auth_method: ["none", "client_secret_post"],
  application_type: ["web", "native"],
  client_secret: [],
  registration_access_token: [],
  jwks_uri: ["https://client.example/jwks", "http://169.254.169.254/"],
})
const lists = ["redirect_uris", "grant_types", "response_types"]

describe("/register/{client_id}", () => {
  it("takes replacements that hold, and leaves the registration whole whatever else it is given", async () => {
    const path = `/register/${client.client_id}`
    const headers = { authorization: `Bearer ${client.registration_access_token}` }
    const untouched = (
      await send(node, `/register/${other.client_id}`, {
        headers: { authorization: `Bearer ${other.registration_access_token}` },
      })
    ).text
    let taken = 0
    const whole: Pairs = [
      ["client_id", client.client_id],
      ["client_name", "Renamed"],
      ["redirect_uris", "https://client.example/cb"],
    ]
    const asked = fc.record({
      pairs: parametersOf(members()),
      kind: fc.constantFrom("json", "json", "json", "form", "torn"),
      listed: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(asked, async ({ pairs, kind, listed }) => {
        node.clock.offset += 1000
        const object = Object.fromEntries(pairs.map(([name, value]) => [name, lists.includes(name) ? [value] : value]))
        const { body, type } =
          kind === "json" && listed ? { body: JSON.stringify(object), type: "application/json" } : bodyOf(pairs, kind)
        const answer = await send(node, path, { method: "PUT", body, headers: { ...headers, "content-type": type } })
        expectHarmless(answer, [])
        if (answer.status === 200) taken += 1
        const now = await send(node, path, { headers })
        expect(now.status).toBe(200)
        const { redirect_uris, client_id, token_endpoint_auth_method } = now.json<{
          redirect_uris: string[]
          client_id: string
          token_endpoint_auth_method: string
        }>()
        expect([client_id, token_endpoint_auth_method]).toEqual([client.client_id, "none"])
        expect(redirectUrisProblem(redirect_uris, undefined)).toBeUndefined()
      }),
      { numRuns: 150, examples: [[{ pairs: whole, kind: "json", listed: true }]] },
    )
    expect(taken, "some were good").toBeGreaterThan(0)
    const theirs = { authorization: `Bearer ${other.registration_access_token}` }
    expect((await send(node, `/register/${other.client_id}`, { headers: theirs })).text).toBe(untouched)
  })
})

describe.each(["/login/github", "/login/oidc", "/"])("%s", (path) => {
  it("answers whatever it is asked without breaking, echoing or leading elsewhere", async () => {
    const known = { transaction: [transaction, "x".repeat(43)], state: [], code: ["c"], return_url: [] }
    const asked = fc.record({
      method: fc.constantFrom("GET", "GET", "POST", "PUT", "OPTIONS"),
      pairs: parametersOf(known),
      bound: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(asked, async ({ method, pairs, bound }) => {
        node.clock.offset += 1000
        const cookie = [...waiting.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
        const sending = { method, headers: bound ? { cookie } : {} }
        const answer = await send(node, `${path}?${queryOf(pairs)}`, sending)
        // The provider's own page, and the client that hears of its failure, are where this may lead.
        expectHarmless(answer, ["http://127.0.0.1:9", "https://client.example"])
        if (!bound) expect(answer.location).toBeUndefined()
      }),
      { numRuns: 80 },
    )
    expect(node.logLines.filter((line) => line.includes("oauth_request_failed"))).toEqual([])
  })
})
