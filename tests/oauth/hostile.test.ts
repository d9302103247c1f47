import { fc } from "../support/property.ts"
import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import {
  type TestClient,
  type Tokens,
  approve,
  authorizePath,
  challenge,
  codeFor,
  registerClient,
  tokensFor,
  verifier,
} from "./flow.ts"
import { type Person, formOf, person } from "./person.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { bodyOf, expectHarmless, parametersOf, queryOf } from "./hostile-requests.ts"

let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string
let open: TestClient
let secret: TestClient
let tokens: Tokens
let codes: { code: string; verifier: string }
let deviceCode: string
let signedIn: Person
let transaction: Record<string, string>

const runs = 150

/** Here some of what is asked is good, and must have been answered so: else nothing behind the first check was met. */
const passable = ["/authorize", "/register", "/revoke", "/introspect", "/device_authorization", "/verify"]

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  open = await registerClient(node)
  secret = await registerClient(node, { token_endpoint_auth_method: "client_secret_post" })
  codes = await codeFor(node, open, alice, { resource })
  const grant = "urn:ietf:params:oauth:grant-type:device_code"
  const device = await registerClient(node, { grant_types: [grant], redirect_uris: ["https://client.example/d"] })
  const asked = await send(node, "/device_authorization", { form: { client_id: device.client_id, resource } })
  deviceCode = asked.json<{ device_code: string }>().device_code
  signedIn = person(node)
  await approve(node, authorizePath(open, verifier(), { resource }), alice, signedIn)
  const page = await person(node).visit(authorizePath(secret, verifier(), { resource }))
  transaction = formOf(page).hidden
})

// What one endpoint is asked may take back what the next one needs.
beforeEach(async () => {
  tokens = await tokensFor(node, open, alice, { resource })
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

/** Good values of what each endpoint reads. */
const known = {
  "/authorize": () => ({
    response_type: ["code"],
    client_id: [open.client_id, secret.client_id, "https://client.localhost:1/c.json", "mcp_none"],
    redirect_uri: [open.redirect_uri, "http://127.0.0.1:1/callback"],
    code_challenge: [challenge("v".repeat(43))],
    code_challenge_method: ["S256", "plain"],
    state: ["the state"],
    scope: ["mcp:read", "mcp:read mcp:write offline_access"],
    resource: [resource, "https://other.test/mcp"],
    prompt: ["none", "login", "consent", "consent login"],
    max_age: ["0", "60"],
    login_hint: [],
    dpop_jkt: ["A".repeat(43)],
    request: [],
    request_uri: [],
  }),
  "/token": () => ({
    grant_type: [
      "authorization_code",
      "refresh_token",
      "client_credentials",
      "urn:ietf:params:oauth:grant-type:device_code",
      "urn:ietf:params:oauth:grant-type:jwt-bearer",
      "password",
    ],
    client_id: [open.client_id, secret.client_id],
    client_secret: [secret.client_secret!],
    code: [codes.code],
    code_verifier: [codes.verifier],
    redirect_uri: [open.redirect_uri],
    refresh_token: [tokens.refresh_token],
    device_code: [deviceCode],
    assertion: [tokens.access_token],
    client_assertion: [tokens.access_token],
    client_assertion_type: ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
    resource: [resource],
    scope: ["mcp:read"],
  }),
  "/register": () => ({
    client_name: ["Client"],
    redirect_uris: ["https://client.example/cb", "http://localhost/cb"],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: ["none", "client_secret_post", "private_key_jwt"],
    scope: ["mcp:read"],
    application_type: ["web", "native"],
    logo_uri: ["https://client.example/logo"],
    jwks: [],
    jwks_uri: ["https://client.example/jwks"],
    software_id: [],
    contacts: [],
  }),
  "/revoke": () => ({
    token: [tokens.access_token],
    token_type_hint: ["access_token"],
    client_id: [open.client_id, secret.client_id],
    client_secret: [secret.client_secret!],
  }),
  "/introspect": () => ({
    token: [tokens.access_token],
    client_id: [secret.client_id],
    client_secret: [secret.client_secret!],
  }),
  "/device_authorization": () => ({ client_id: [open.client_id], scope: ["mcp:read"], resource: [resource] }),
  "/device": () => ({ user_code: ["BCDF-GHJK"] }),
  "/consent": () => ({ ...one(transaction), decision: ["allow", "deny"], scope: ["mcp:read"] }),
  "/login": () => ({
    ...one(transaction),
    token: [alice],
    return_url: ["https://app.test:8443/", "https://mcp.test:8443/"],
    nonce: ["A".repeat(43)],
  }),
  "/callback": () => ({ state: ["A".repeat(43)], code: ["code"], error: ["access_denied"], iss: [node.issuer] }),
  "/logout": () => ({ csrf: [], return_url: ["https://app.test:8443/"] }),
  "/account": () => ({ csrf: [], grant: [] }),
  "/verify": () => ({ token: [tokens.access_token] }),
  "/jwks": () => ({ kid: [] }),
  "/.well-known/oauth-authorization-server": () => ({ resource: [resource] }),
} as const

function one(values: Record<string, string>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value]]))
}

const header = (values: readonly string[]) => fc.option(fc.constantFrom(...values), { nil: undefined })

describe.each(Object.keys(known) as (keyof typeof known)[])("%s", (path) => {
  it("answers whatever it is asked without breaking, echoing or leading elsewhere", async () => {
    const allowed = [node.issuer, "https://client.example", "http://127.0.0.1:1", "https://app.test:8443"]
    const asked = fc.record({
      method: fc.constantFrom("GET", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS"),
      pairs: parametersOf(known[path]()),
      kind: fc.constantFrom("form", "form", "json", "torn"),
      person: fc.boolean(),
      authorization: header([
        `Bearer ${tokens.access_token}`,
        "Bearer <gh-mark>",
        `DPoP ${tokens.access_token}`,
        "Basic Og==",
        "Basic ////",
        `Basic ${Buffer.from(`${secret.client_id}:${secret.client_secret!}`).toString("base64")}`,
      ]),
      origin: header([node.issuer, "https://evil.example", "null"]),
      dpop: header(["e30.e30.e30", "<gh-mark>"]),
      forwarded: header(["https://mcp.test:8443/mcp", "https://evil.example/<gh-mark>", "//"]),
    })
    const statuses = new Set<number>()
    await fc.assert(
      fc.asyncProperty(asked, async ({ method, pairs, kind, person: withCookies, forwarded, ...fields }) => {
        // A clock that runs ahead keeps the limits of an address out of it.
        node.clock.offset += 1000
        const given = Object.entries({ ...fields, "x-original-url": forwarded }).filter(
          ([, value]) => value !== undefined,
        )
        const cookie = [...signedIn.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
        const headers = { ...(Object.fromEntries(given) as Record<string, string>), ...(withCookies && { cookie }) }
        const query = queryOf(pairs)
        const { body, type } = bodyOf(pairs, kind)
        const answer =
          method === "POST" || method === "PUT"
            ? await send(node, path, { method, body, headers: { ...headers, "content-type": type } })
            : await send(node, `${path}?${query}`, { method, headers })
        statuses.add(answer.status)
        expectHarmless(answer, allowed)
      }),
      { numRuns: runs },
    )
    if (passable.includes(path)) expect([...statuses].some((status) => status < 400)).toBe(true)
    expect(node.logLines.filter((line) => line.includes("oauth_request_failed"))).toEqual([])
  })
})
