import { type KeyObject, createHmac, createPrivateKey, generateKeyPairSync, sign } from "node:crypto"
import { type ProtectedServer, protectedServer } from "../support/protected-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { agent } from "../support/browser.ts"
import { createServer } from "node:http"
import { fetch } from "undici"
import { once } from "node:events"
import { signingKey } from "../../scripts/bench/access-tokens.ts"

const key = signingKey()
const others = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
let reached = 0
// Gatehouse itself asks a backend for its metadata document.
const backend = createServer((request, response) => {
  if (request.url?.startsWith("/.well-known/") !== true) reached += 1
  response.end("reached")
})
let gate: ProtectedServer
let good: string
let header: Record<string, unknown>
let claims: Record<string, unknown>

beforeAll(async () => {
  await once(backend.listen(0, "127.0.0.1"), "listening")
  const target = `http://127.0.0.1:${(backend.address() as { port: number }).port}`
  gate = await protectedServer(target, { OAUTH_JWT_PRIVATE_KEY_B64: key.environment })
  good = await gate.accessToken()
  const part = (index: number) => Buffer.from(good.split(".")[index]!, "base64url").toString()
  header = JSON.parse(part(0)) as typeof header
  claims = JSON.parse(part(1)) as typeof claims
})

afterAll(async () => {
  await gate?.stop()
  backend.close()
})

const encode = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")
const publicPem = () => key.publicPem

/** A token signed with RS256, by the true key unless another is given. */
function signed(
  head: unknown,
  body: unknown,
  by: KeyObject = createPrivateKey(key.privateKey.export({ type: "pkcs8", format: "pem" })),
) {
  const input = `${encode(head)}.${encode(body)}`
  return `${input}.${sign("sha256", Buffer.from(input), by).toString("base64url")}`
}

const withClaims = (changed: Record<string, unknown>) => signed(header, { ...claims, ...changed })
const withHeader = (changed: Record<string, unknown>) => signed({ ...header, ...changed }, claims)
/** JSON text of the claims with one member's value written out: numbers that no JavaScript value prints. */
const withNumber = (name: string, text: string) =>
  signed(header, JSON.stringify(claims).replace(new RegExp(`"${name}":\\d+`), `"${name}":${text}`))

const hmac = (secret: string) => {
  const input = `${encode({ ...header, alg: "HS256" })}.${encode(claims)}`
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`
}

const now = () => Math.floor(Date.now() / 1000)

const forgeries: readonly (readonly [string, () => string])[] = [
  ["no algorithm, no signature", () => `${encode({ ...header, alg: "none" })}.${encode(claims)}.`],
  [
    "no algorithm in capitals, with the old signature",
    () => `${encode({ ...header, alg: "NONE" })}.${good.split(".").slice(1).join(".")}`,
  ],
  ["HMAC with the public key", () => hmac(publicPem())],
  ["HMAC with an empty secret", () => hmac("")],
  ["another algorithm for the same key", () => withHeader({ alg: "PS256" })],
  ["another's key", () => signed(header, claims, others)],
  [
    "another's key, which it brings along",
    () => signed({ ...header, jwk: others.export({ format: "jwk" }) }, claims, others),
  ],
  ["another's key, at an address", () => signed({ ...header, jku: "https://evil.example/jwks" }, claims, others)],
  [
    "another's certificate, at an address",
    () => signed({ ...header, x5u: "https://evil.example/c.pem" }, claims, others),
  ],
  ["a true signature and a key's address", () => withHeader({ jku: `${gate.issuer}/jwks` })],
  ["a critical extension", () => withHeader({ crit: ["exp"] })],
  ["a critical extension that is known to b64 alone", () => withHeader({ crit: ["b64"], b64: false })],
  ["an unknown kid", () => withHeader({ kid: "unknown" })],
  ["a kid that is a path", () => withHeader({ kid: "../../dev/null" })],
  ["a kid that is no text", () => withHeader({ kid: 1 })],
  ["no kid", () => withHeader({ kid: undefined })],
  ["the type of an ID token", () => withHeader({ typ: "JWT" })],
  ["the type of an assertion", () => withHeader({ typ: "oauth-id-jag+jwt" })],
  ["no type", () => withHeader({ typ: undefined })],
  ["the issuer with a slash", () => withClaims({ iss: `${gate.issuer}/` })],
  ["another issuer", () => withClaims({ iss: "https://evil.example" })],
  ["a grant that does not exist", () => withClaims({ sid: "0".repeat(32) })],
  ["another client's name", () => withClaims({ client_id: "mcp_other" })],
  ["an end that has passed", () => withClaims({ iat: now() - 100, exp: now() - 1 })],
  ["an end as text", () => withClaims({ exp: String(now() + 600) })],
  ["an end beyond every number", () => withNumber("exp", "1e400")],
  ["a negative end", () => withNumber("exp", "-1")],
  ["a start in the future", () => withClaims({ iat: now() + 120, exp: now() + 600 })],
  ["a start beyond every number", () => withNumber("iat", "9".repeat(400))],
  ["no end", () => withClaims({ exp: undefined })],
  ["no subject", () => withClaims({ sub: undefined })],
  ["claims that are a list", () => signed(header, [claims])],
  ["a header that is no JSON", () => signed("{", claims)],
  ["a part too many", () => `${good}.${good.split(".")[2]!}`],
  ["padding", () => `${good}==`],
  ["more than 16 KiB", () => withClaims({ name: "a".repeat(16_000) })],
]

const to = (path: string, init: object = {}) => fetch(path, { ...init, dispatcher: agent(gate.ca) })

describe.each(forgeries)("a token with %s", (_what, forge) => {
  it("is refused by the gateway, by forward authentication and by introspection", async () => {
    const token = forge()
    const before = reached
    const headers = { authorization: `Bearer ${token}` }
    const guarded = await to(gate.url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: "{}",
    })
    // A scheme's value that is no token at all is malformed (RFC 6750 §3.1).
    expect([400, 401, 431]).toContain(guarded.status)
    if (guarded.status === 401) expect(guarded.headers.get("www-authenticate")).toContain('error="invalid_token"')
    expect(await guarded.text()).not.toContain(token.slice(0, 40))
    expect(reached).toBe(before)
    const verified = await to(`${gate.issuer}/verify`, { headers })
    expect([401, 431]).toContain(verified.status)
    const admin = { authorization: `Bearer ${gate.node.adminToken}` }
    const asked = await to(`${gate.issuer}/introspect`, {
      method: "POST",
      headers: admin,
      body: new URLSearchParams({ token }),
    })
    expect(await asked.json()).toEqual({ active: false })
  })
})

it("with nothing changed, signed here by the same key, is good: so it is the change that is refused", async () => {
  const headers = { authorization: `Bearer ${signed(header, claims)}` }
  expect((await to(gate.url, { headers })).status).toBe(200)
  expect(reached).toBe(1)
  expect((await to(`${gate.issuer}/verify`, { headers })).status).toBe(200)
})
