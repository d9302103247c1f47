import {
  type TestKey,
  addGrant,
  addKey,
  fold,
  goodClaims,
  instant,
  proxyWith,
  signed,
} from "../support/access-tokens.ts"
import { type World, emptyWorld, fork } from "../../src/events/world.ts"
import { beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { GuardedRequest } from "../../src/edge/guard.ts"
import type { ResourceProxy } from "../../src/projections/resource.ts"
import { accessTokens } from "../../src/projections/access-token.ts"
import { extractWWWAuthenticateParams } from "@modelcontextprotocol/sdk/client/auth.js"
import { tokenGuard } from "../../src/edge/token-guard.ts"

const keyed = emptyWorld()
let key: TestKey
let world: World
let seconds = instant

beforeAll(async () => {
  key = await addKey(keyed, "RS256")
  addGrant(keyed)
})

beforeEach(() => {
  world = fork(keyed)
  seconds = instant
})

const settings = { publicHttpsPort: 443, MCP_RESOURCE_VALIDATION_STRICT: true }
const tokens = accessTokens({ world: () => world, now: () => seconds * 1000 })
const guard = tokenGuard({ tokens, settings, remembered: 100 })

const mcp = proxyWith({})
const plain = proxyWith({}, null)
const bearer = (claims: object = goodClaims) => ["Authorization", `Bearer ${signed(key, claims)}`]
const check = (proxy: ResourceProxy, rawHeaders: readonly string[], change: Partial<GuardedRequest> = {}) => {
  const verdict = guard.check(proxy, {
    method: "POST",
    path: "/mcp",
    query: "",
    rawHeaders,
    requestId: "req-1",
    ...change,
  })
  return verdict.pass ? verdict : { ...verdict, header: (name: string) => header(verdict.headers, name) }
}
const header = (flat: readonly string[], name: string) => {
  const at = flat.findIndex((item, index) => index % 2 === 0 && item.toLowerCase() === name)
  return at < 0 ? undefined : flat[at + 1]
}
/** A refusal in short: status, reason, error of the challenge. */
const refused = (proxy: ResourceProxy, rawHeaders: readonly string[], change: Partial<GuardedRequest> = {}) => {
  const verdict = check(proxy, rawHeaders, change)
  if (verdict.pass) return "passed"
  const challenge = verdict.header("www-authenticate")
  const error =
    challenge && extractWWWAuthenticateParams(new Response(null, { headers: { "www-authenticate": challenge } })).error
  return [verdict.status, verdict.reason, challenge === undefined ? "no challenge" : (error ?? "no error")]
}

describe("a proxy without auth", () => {
  it("passes everything and strips no credential", () => {
    const open = { pass: true, headers: [], protected: false, identity: null }
    expect(check(proxyWith(null, null), ["Authorization", "Basic x", "Authorization", "y"])).toEqual(open)
    expect(check(proxyWith({ auth_enabled: false }, null), [], { query: "access_token=x" })).toEqual(open)
    expect(check(proxyWith(null), ["Authorization", "Basic x"])).toEqual(open)
  })
})

describe("a good token", () => {
  it("passes with the identity, on every path and method, first and again", () => {
    for (const [method, path] of [
      ["POST", "/mcp"],
      ["GET", "/mcp/"],
      ["DELETE", "/mcp"],
      ["GET", "/other/path"],
      ["OPTIONS", "/x"],
    ] as const) {
      const verdict = check(mcp, ["Host", "mcp.example.com", ...bearer()], { method, path })
      expect(verdict).toMatchObject({
        pass: true,
        protected: true,
        identity: { subject: "github-583231", clientId: "mcp_client1", grantId: "grant-0001", expires: goodClaims.exp },
      })
      expect(header(verdict.headers, "x-auth-user-id")).toBe("github-583231")
      expect(header(verdict.headers, "x-auth-scopes")).toBe("mcp:read mcp:write")
    }
  })

  it("adds no headers when they are switched off, and others under another prefix", () => {
    expect(check(proxyWith({ auth_pass_headers: false }), bearer())).toMatchObject({
      pass: true,
      headers: [],
      protected: true,
    })
    const verdict = check(proxyWith({ auth_header_prefix: "X-Who-" }), bearer())
    expect(header(verdict.headers, "x-who-user-id")).toBe("github-583231")
  })

  it("that names something no header can carry is stopped, not sent on nameless", () => {
    expect(
      refused(plain, bearer({ ...goodClaims, aud: ["https://mcp.example.com"], username: "a\r\nX-Admin: 1" })),
    ).toEqual([502, "identity_not_representable", "no challenge"])
  })
})

describe("no usable credential", () => {
  it("gets a 401 that names no error", () => {
    for (const rawHeaders of [
      [],
      ["Authorization", "Basic YTpi"],
      ["Authorization", "Hawk abc"],
      ["Cookie", "__Host-gh_access=x"],
    ])
      expect(refused(mcp, rawHeaders)).toEqual([401, "no_credential", "no error"])
  })

  it("gets a JSON-RPC error on the MCP endpoint and a problem document elsewhere", () => {
    const rpc = check(mcp, [])
    if (rpc.pass) throw new Error("passed")
    expect(JSON.parse(rpc.body)).toEqual({
      jsonrpc: "2.0",
      error: { code: -32000, message: "No credentials were given.", data: { code: "unauthenticated" } },
    })
    expect(rpc.header("content-type")).toBe("application/json")
    const other = check(mcp, [], { path: "/mcp2" })
    if (other.pass) throw new Error("passed")
    expect(JSON.parse(other.body)).toMatchObject({ status: 401, code: "unauthenticated", instance: "req-1" })
    expect(other.header("content-type")).toBe("application/problem+json")
    expect(other.header("cache-control")).toBe("no-store")
  })
})

describe("a malformed credential", () => {
  it("is 400: two headers, two tokens, a broken scheme", () => {
    for (const value of [
      "Bearer",
      "Bearer a b",
      "bearer  a b",
      "Bearer a, Bearer b",
      `${bearer()[1]}, Bearer b`,
      "Bearer a\tb",
      "Bearer ä",
      "",
      "@",
    ])
      expect(refused(mcp, ["Authorization", value])).toEqual([400, "malformed_authorization", "invalid_request"])
    expect(refused(mcp, [...bearer(), ...bearer()])).toEqual([400, "repeated_header", "invalid_request"])
    expect(refused(mcp, [...bearer(), "authorization", "Basic x"])).toEqual([400, "repeated_header", "invalid_request"])
  })

  it("is 400 when a token stands in the query, even beside a good header", () => {
    for (const query of ["access_token=x", "a=b&%61ccess_token=x"])
      expect(refused(mcp, bearer(), { query })).toEqual([400, "token_in_query", "invalid_request"])
  })

  it("is never repeated in the answer", () => {
    const verdict = check(mcp, ["Authorization", "Bearer s3cret s3cret"])
    expect(JSON.stringify(verdict)).not.toContain("s3cret")
  })
})

describe("a bad token", () => {
  const bad = (change: object, proxy = mcp) => refused(proxy, bearer({ ...goodClaims, ...change }))

  it("is 401 invalid_token, whatever is wrong with it", () => {
    expect(bad({ exp: instant - 1, iat: instant - 100 })).toEqual([401, "expired", "invalid_token"])
    expect(bad({ iat: instant + 100 })).toEqual([401, "not_yet_valid", "invalid_token"])
    expect(bad({ iss: "https://evil.example" })).toEqual([401, "wrong_issuer", "invalid_token"])
    expect(bad({ aud: ["https://other.example.com"] })).toEqual([401, "wrong_audience", "invalid_token"])
    expect(bad({ aud: ["https://auth.example.com"] })).toEqual([401, "wrong_audience", "invalid_token"])
    expect(bad({ cnf: { jkt: "x" } })).toEqual([401, "sender_constrained", "invalid_token"])
    expect(bad({ sid: "grant-9999" })).toEqual([401, "revoked", "invalid_token"])
    expect(bad({}, proxyWith({ auth_proxy: "other.example.com" }))).toEqual([401, "wrong_issuer", "invalid_token"])
    for (const token of ["acm_0123456789", "a.b.c", "x".repeat(20_000)])
      expect(refused(mcp, ["Authorization", `Bearer ${token}`])).toMatchObject([401, {}, "invalid_token"])
  })

  it("keeps the person out with 403 and no challenge when only the rule is against it", () => {
    expect(bad({}, proxyWith({ auth_required_users: ["somebody"] }))).toEqual([403, "user_not_allowed", "no challenge"])
    expect(bad({}, proxyWith({ auth_required_emails: ["*@other.com"] }))).toEqual([
      403,
      "email_not_allowed",
      "no challenge",
    ])
    expect(bad({}, proxyWith({ auth_required_groups: [] }))).toEqual([403, "group_not_allowed", "no challenge"])
  })

  it("is 403 insufficient_scope when it holds no scope of the proxy", () => {
    expect(bad({ scope: "offline_access" })).toEqual([403, "insufficient_scope", "insufficient_scope"])
    expect(bad({ scope: "mcp:read" })).toBe("passed")
  })
})

describe("what was remembered", () => {
  it("ends with the token's time", () => {
    const headers = bearer()
    expect(refused(mcp, headers)).toBe("passed")
    seconds = goodClaims.exp
    expect(refused(mcp, headers)).toEqual([401, "expired", "invalid_token"])
  })

  it("ends with grant, client or key, from the very next request", () => {
    const headers = bearer()
    const ends: ((world: World) => void)[] = [
      (world) => fold(world, "grant", "grant-0001", "GrantRevoked", { reason: "user" }),
      (world) => fold(world, "client", "mcp_client1", "ClientDeleted", { reason: "x" }),
      (world) => fold(world, "signing-key", key.kid, "SigningKeyRetired", { reason: "x" }),
    ]
    for (const end of ends) {
      world = fork(keyed)
      expect(refused(mcp, headers)).toBe("passed")
      end(world)
      expect(refused(mcp, headers)).toMatchObject([401, {}, "invalid_token"])
      expect(refused(mcp, headers)).toMatchObject([401, {}, "invalid_token"])
    }
  })

  it("never opens another proxy, and follows each change of its own", () => {
    const headers = bearer()
    const other = { ...mcp, hostname: "other.example.com" }
    const closed = proxyWith({ auth_required_users: [] })
    for (let round = 0; round < 3; round++) {
      expect(refused(mcp, headers)).toBe("passed")
      expect(refused(other, headers)).toEqual([401, "wrong_audience", "invalid_token"])
      expect(refused(closed, headers)).toEqual([403, "user_not_allowed", "no challenge"])
      expect(refused({ ...mcp, auth: { ...mcp.auth!, auth_proxy: "x.example.com" } }, headers)).toEqual([
        401,
        "wrong_issuer",
        "invalid_token",
      ])
    }
  })

  it("does not make a changed token good", () => {
    const [name, value] = bearer()
    expect(refused(mcp, [name!, value!])).toBe("passed")
    for (const change of [value!.slice(0, -1), `${value}A`, `${value}=`, value!.replace("Bearer ", "Bearer A")])
      expect(refused(mcp, [name!, change])).toMatchObject([401, {}, "invalid_token"])
  })

  it("is bounded: more tokens than fit are still judged rightly", () => {
    for (let at = 0; at < 250; at++) {
      const scope = at % 2 === 0 ? "mcp:read" : "nothing"
      const headers = bearer({ ...goodClaims, jti: `jti-${at}`, scope })
      const expected = at % 2 === 0 ? "passed" : [403, "insufficient_scope", "insufficient_scope"]
      expect([refused(mcp, headers), refused(mcp, headers)]).toEqual([expected, expected])
    }
  })
})

describe("modes", () => {
  const passthrough = proxyWith({ auth_mode: "passthrough", auth_required_users: ["Octocat"] })
  const anonymous = { pass: true, headers: [], protected: true, identity: null }

  it("passthrough goes on without identity when there is none, or when the rule is against it", () => {
    expect(check(passthrough, [])).toEqual(anonymous)
    expect(check(passthrough, ["Authorization", "Bearer x.y.z"])).toEqual(anonymous)
    expect(check(passthrough, bearer({ ...goodClaims, username: "Mallory" }))).toEqual(anonymous)
    expect(check(passthrough, bearer({ ...goodClaims, exp: instant }))).toEqual(anonymous)
    expect(check(passthrough, bearer())).toMatchObject({ pass: true, identity: { subject: "github-583231" } })
  })

  it("passthrough still refuses what is ambiguous", () => {
    expect(refused(passthrough, [...bearer(), ...bearer()])).toMatchObject([400, "repeated_header", {}])
    expect(refused(passthrough, ["Authorization", "Bearer a b"])).toMatchObject([400, "malformed_authorization", {}])
    expect(refused(passthrough, [], { query: "access_token=x" })).toMatchObject([400, "token_in_query", {}])
  })

  it("redirect never lets anybody in without a token", () => {
    expect(refused(proxyWith({ auth_mode: "redirect" }), [], { method: "GET", path: "/" })).toEqual([
      401,
      "no_credential",
      "no error",
    ])
  })
})

describe("excluded paths", () => {
  const proxy = proxyWith({ auth_excluded_paths: ["/public", "/docs/"] })

  it("skip the token by whole segments", () => {
    for (const path of ["/public", "/public/", "/public/a/b", "/docs", "/docs/x"])
      expect(check(proxy, bearer(), { path })).toEqual({ pass: true, headers: [], protected: true, identity: null })
  })

  it("do not reach further, nor cover a path with parameters or escapes", () => {
    for (const path of [
      "/",
      "/publicity",
      "/public.json",
      "/Public",
      "/a/public",
      "/public;x",
      "/public;/../admin",
      "/public/%2e%2e/admin",
      "/public/a%20b",
      "/docsx",
    ])
      expect(refused(proxy, [], { path }), path).toMatchObject([401, {}, {}])
  })

  it("may be everything, and then the MCP endpoint still checks its Origin", () => {
    const all = proxyWith({ auth_excluded_paths: ["/"] })
    expect(refused(all, [])).toBe("passed")
    expect(refused(all, ["Origin", "https://evil.example"])).toMatchObject([403, "origin_not_allowed", {}])
  })
})

describe("Origin on the MCP endpoint", () => {
  it("of another site, or null, is 403 before the token is looked at, with auth and without", () => {
    for (const proxy of [mcp, proxyWith(null)])
      for (const origin of [
        "https://evil.example",
        "null",
        "http://mcp.example.com",
        "https://mcp.example.com:8443",
        "https://mcp.example.com.evil.net",
        "https://xmcp.example.com",
        "",
        "https://mcp.example.com/",
      ]) {
        expect(refused(proxy, ["Origin", origin, ...bearer()]), origin).toEqual([
          403,
          "origin_not_allowed",
          "no challenge",
        ])
        expect(header(check(proxy, ["Origin", origin]).headers, "access-control-allow-origin")).toBeUndefined()
      }
  })

  it("of the host itself passes, and an error then carries CORS headers", () => {
    for (const proxy of [mcp, proxyWith(null)]) {
      const passed = check(proxy, ["Origin", "https://mcp.example.com", ...bearer()])
      if (!passed.pass) throw new Error(passed.reason)
      expect(header(passed.cors ?? [], "access-control-allow-origin")).toBe("https://mcp.example.com")
      expect(check(proxy, bearer())).not.toHaveProperty("cors")
    }
    const verdict = check(mcp, ["Origin", "https://mcp.example.com"])
    expect(header(verdict.headers, "access-control-allow-origin")).toBe("https://mcp.example.com")
    expect(header(verdict.headers, "access-control-expose-headers")).toContain("WWW-Authenticate")
    expect(header(verdict.headers, "vary")).toBe("Origin")
  })

  it("twice is 400", () => {
    expect(
      refused(mcp, ["Origin", "https://mcp.example.com", "Origin", "https://evil.example", ...bearer()]),
    ).toMatchObject([400, "repeated_header", {}])
  })

  it("is not judged on other paths, where the backend decides", () => {
    expect(refused(mcp, ["Origin", "https://evil.example", ...bearer()], { path: "/api" })).toBe("passed")
    expect(
      header(check(mcp, ["Origin", "https://evil.example"], { path: "/api" }).headers, "access-control-allow-origin"),
    ).toBeUndefined()
  })
})

describe("a preflight on the MCP endpoint", () => {
  const asking = ["Origin", "https://mcp.example.com", "Access-Control-Request-Method", "POST"]

  it("is answered without a token, with those headers that MCP uses", () => {
    const verdict = check(
      mcp,
      [...asking, "Access-Control-Request-Headers", "authorization, X-Evil,Mcp-Param-Region , content-type"],
      { method: "OPTIONS" },
    )
    expect(verdict).toMatchObject({ pass: false, status: 204, body: "", reason: "preflight" })
    expect(header(verdict.headers, "access-control-allow-origin")).toBe("https://mcp.example.com")
    expect(header(verdict.headers, "access-control-allow-methods")).toBe("GET, POST, DELETE")
    expect(header(verdict.headers, "access-control-allow-headers")).toBe(
      "authorization, mcp-param-region, content-type",
    )
    expect(header(verdict.headers, "access-control-max-age")).toBe("600")
  })

  it("from elsewhere is refused, and other OPTIONS requests need a token", () => {
    expect(refused(mcp, ["Origin", "https://evil.example", ...asking.slice(2)], { method: "OPTIONS" })).toMatchObject([
      403,
      "origin_not_allowed",
      {},
    ])
    expect(refused(mcp, asking.slice(0, 2), { method: "OPTIONS" })).toMatchObject([401, "no_credential", {}])
    expect(refused(mcp, asking, { method: "OPTIONS", path: "/api" })).toMatchObject([401, "no_credential", {}])
  })
})

describe("an open stream", () => {
  const identity = () => {
    const verdict = check(mcp, bearer())
    if (!verdict.pass || verdict.identity === null) throw new Error("refused")
    return verdict.identity
  }

  it("stays while nothing changed, and past the token's time", () => {
    const who = identity()
    expect(guard.stillAllowed(mcp, who)).toBe(true)
    seconds = goodClaims.exp + 1
    expect(guard.stillAllowed(mcp, who)).toBe(true)
  })

  it("ends when the grant is revoked, in every mode", () => {
    const who = identity()
    fold(world, "grant", "grant-0001", "GrantRevoked", { reason: "user" })
    expect(guard.stillAllowed(mcp, who)).toBe(false)
    expect(guard.stillAllowed(proxyWith({ auth_mode: "passthrough" }), who)).toBe(false)
  })

  it("ends when the proxy is switched off or its rule is tightened, groups included", () => {
    const who = identity()
    expect(guard.stillAllowed({ ...mcp, enabled: false }, who)).toBe(false)
    expect(guard.stillAllowed(proxyWith({ auth_required_groups: ["acme/ops"] }), who)).toBe(false)
    expect(guard.stillAllowed(proxyWith({ auth_required_groups: ["acme/dev"] }), who)).toBe(true)
    expect(guard.stillAllowed(proxyWith(null), who)).toBe(true)
  })

  it("of an identity that this guard never met is not allowed", () => {
    expect(guard.stillAllowed(mcp, { ...identity() })).toBe(false)
  })
})
