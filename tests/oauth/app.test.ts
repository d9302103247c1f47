import { type OAuthNode, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

let redis: RedisServer
let node: OAuthNode

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await protectedProxy(node, "mcp.test", {}, { mcp_scopes: ["mcp:read", "files:read"] })
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

describe("metadata", () => {
  it("says in both spellings what there is, and only that", async () => {
    const answer = await send(node, "/.well-known/oauth-authorization-server")
    expect(answer.status).toBe(200)
    expect(answer.headers["content-type"]).toContain("application/json")
    expect(answer.headers["access-control-allow-origin"]).toBe("*")
    const document = answer.json()
    const confidential = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    const algorithms = ["RS256", "PS256", "ES256", "EdDSA"]
    expect(document).toEqual({
      issuer: "https://auth.localhost:8443",
      authorization_endpoint: "https://auth.localhost:8443/authorize",
      token_endpoint: "https://auth.localhost:8443/token",
      registration_endpoint: "https://auth.localhost:8443/register",
      revocation_endpoint: "https://auth.localhost:8443/revoke",
      introspection_endpoint: "https://auth.localhost:8443/introspect",
      jwks_uri: "https://auth.localhost:8443/jwks",
      service_documentation: "https://auth.localhost:8443/",
      scopes_supported: ["mcp:read", "mcp:write", "mcp:admin", "files:read", "offline_access"],
      response_types_supported: ["code"],
      response_modes_supported: ["query"],
      device_authorization_endpoint: "https://auth.localhost:8443/device_authorization",
      grant_types_supported: [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
      ],
      token_endpoint_auth_methods_supported: [...confidential, "none"],
      token_endpoint_auth_signing_alg_values_supported: algorithms,
      revocation_endpoint_auth_methods_supported: [...confidential, "none"],
      revocation_endpoint_auth_signing_alg_values_supported: algorithms,
      introspection_endpoint_auth_methods_supported: confidential,
      introspection_endpoint_auth_signing_alg_values_supported: algorithms,
      client_id_metadata_document_supported: true,
      dpop_signing_alg_values_supported: ["ES256", "EdDSA", "RS256"],
      code_challenge_methods_supported: ["S256"],
      authorization_response_iss_parameter_supported: true,
      resource_indicators_supported: true,
    })
    for (const path of ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/"])
      expect((await send(node, path)).json(), path).toEqual(document)
    for (const [name, url] of Object.entries(document)) {
      if (!name.endsWith("_endpoint") && name !== "jwks_uri") continue
      const path = new URL(url as string).pathname
      expect((await send(node, path, { method: "OPTIONS" })).status, path).not.toBe(404)
    }
  })
})

describe("the page for developers", () => {
  it("says how an application gets its access, and names no host but its own", async () => {
    const { status, headers, text } = await send(node, "/")
    expect([status, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"])
    for (const word of ["PKCE", "/register", "RFC 8707", "/device_authorization", "DPoP", "/account"])
      expect(text).toContain(word)
    expect(text).not.toContain("mcp.test")
  })

  it("does not speak of a registration that is closed", async () => {
    const closed = await oauthNode({ redisUrl: redis.url, decides: false, env: { OAUTH_REGISTRATION: "false" } })
    try {
      expect((await send(closed, "/")).text).not.toContain("/register")
    } finally {
      await closed.stop()
    }
  })
})

describe("paths and methods", () => {
  it("answers with or without a trailing slash and never redirects", async () => {
    for (const path of ["/jwks", "/jwks/", "/.well-known/jwks.json/", "/", "/.well-known/openid-configuration/"])
      expect((await send(node, path)).status, path).toBe(200)
  })

  it.each([
    "/nothing",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/oauth-protected-resource",
    "/token/extra",
    "/register/a/b",
    "//token",
    "/TOKEN",
    "/.env",
  ])("has nothing at %s", async (path) => {
    const answer = await send(node, path)
    expect(answer.status).toBe(404)
    expect(answer.headers["content-type"]).toContain("application/problem+json")
    expect(answer.json()["code"]).toBe("not_found")
  })

  it("does not fall over malformed paths", async () => {
    for (const path of ["/%", "/%zz", "/register/%ff", "/%00", "/register/__proto__", "/../../etc/passwd"]) {
      const answer = await send(node, path)
      expect([400, 401, 404], path).toContain(answer.status)
      expect(answer.headers["strict-transport-security"], path).toBeDefined()
    }
    expect((await send(node, "/jwks")).status).toBe(200)
  })

  it.each([
    ["GET", "/register", "POST, OPTIONS"],
    ["DELETE", "/token", "POST, OPTIONS"],
    ["POST", "/jwks", "GET, OPTIONS"],
    ["GET", "/consent", "POST"],
    ["OPTIONS", "/authorize", "GET, POST"],
    ["HEAD", "/authorize", "GET, POST"],
    ["PATCH", "/register/mcp_x", "GET, PUT, DELETE, OPTIONS"],
  ])("answers %s %s with 405", async (method, path, allow) => {
    const answer = await send(node, path, { method })
    expect([answer.status, answer.headers.allow]).toEqual([405, allow])
  })

  it("answers HEAD like GET, without a body, where that starts nothing", async () => {
    const answer = await send(node, "/jwks", { method: "HEAD" })
    expect([answer.status, answer.text]).toEqual([200, ""])
  })

  it("allows programs of every origin what they need, and pages nothing", async () => {
    const preflight = {
      method: "OPTIONS",
      headers: { origin: "https://app.example", "access-control-request-method": "POST" },
    }
    for (const path of [
      "/token",
      "/register",
      "/revoke",
      "/introspect",
      "/register/mcp_x",
      "/jwks",
      "/.well-known/oauth-authorization-server",
    ]) {
      const answer = await send(node, path, preflight)
      expect(answer.status, path).toBe(204)
      expect(answer.headers["access-control-allow-origin"]).toBe("*")
      expect(answer.headers["access-control-allow-headers"]).toContain("authorization")
      expect(answer.headers["access-control-allow-credentials"]).toBeUndefined()
    }
    for (const path of ["/authorize", "/consent", "/login"])
      expect((await send(node, path, preflight)).headers["access-control-allow-origin"], path).toBeUndefined()
  })

  it("says at / what it is", async () => {
    const answer = await send(node, "/")
    expect(answer.text).toContain("https://auth.localhost:8443")
    expect(answer.headers["content-security-policy"]).toContain("default-src 'none'")
  })
})
