import { describe, expect, it } from "vitest"
import { metadataUrls } from "../../src/projections/resource-urls.ts"
import { resourceMetadata } from "../../src/edge/resource-metadata.ts"
import { OAuthProtectedResourceMetadataSchema } from "@modelcontextprotocol/sdk/shared/auth.js"
import type { ResourceProxy } from "../../src/projections/resource.ts"
import { proxyWith } from "../support/access-tokens.ts"

const root = "/.well-known/oauth-protected-resource"
const get = (proxy: ResourceProxy, path: string, port = 443) => resourceMetadata(proxy, "GET", path, port)
const document = (proxy: ResourceProxy, path: string, port = 443) => {
  const answer = get(proxy, path, port)
  expect(answer?.status).toBe(200)
  return OAuthProtectedResourceMetadataSchema.parse(JSON.parse(answer!.body))
}
const header = (answer: { headers: readonly string[] } | undefined, name: string) =>
  answer?.headers[answer.headers.indexOf(name) + 1]

describe("protected resource metadata", () => {
  it("says at the root the origin and at the inserted path the endpoint", () => {
    expect(document(proxyWith({}), root)).toEqual({
      resource: "https://mcp.example.com",
      authorization_servers: ["https://auth.example.com"],
      jwks_uri: "https://auth.example.com/jwks",
      scopes_supported: ["mcp:read", "mcp:write"],
      bearer_methods_supported: ["header"],
      resource_name: "mcp.example.com",
    })
    expect(document(proxyWith({}), `${root}/mcp`).resource).toBe("https://mcp.example.com/mcp")
    expect(document(proxyWith({}), `${root}/mcp/`).resource).toBe("https://mcp.example.com/mcp")
    expect(document(proxyWith({}), `${root}/`).resource).toBe("https://mcp.example.com")
  })

  it("is there for every URI of the registry on this host, with the entry's name and scopes", () => {
    const files = "https://mcp.example.com/team/files"
    const proxy = proxyWith({}, {}, [
      { uri: files, scopes: ["files:read"] },
      { uri: "https://mcp.example.com/mcp", scopes: ["tools"] },
      { uri: "http://localhost/x" },
    ])
    expect(document(proxy, `${root}/team/files`)).toMatchObject({
      resource: files,
      scopes_supported: ["files:read"],
      resource_name: `Name of ${files}`,
    })
    expect(document(proxy, `${root}/mcp`).scopes_supported).toEqual(["tools"])
    expect(document(proxy, root).scopes_supported).toEqual(["mcp:read", "mcp:write"])
    expect(get(proxy, `${root}/team`)?.status).toBe(404)
    expect(get(proxy, `${root}/x`)?.status).toBe(404)
  })

  it("is found at the address that the identifier leads to", () => {
    for (const endpoint of ["/", "/mcp", "/mcp/", "/a/b/c"])
      for (const port of [443, 8443]) {
        const proxy = proxyWith({}, { mcp_endpoint: endpoint })
        const { root, canonical } = metadataUrls(proxy, port)
        for (const url of [root, canonical].map((address) => new URL(address))) {
          const { resource } = document(proxy, url.pathname, port)
          const derived = new URL(resource)
          expect(url.href).toBe(
            `${derived.origin}/.well-known/oauth-protected-resource${derived.pathname.replace(/\/$/, "")}`,
          )
        }
      }
  })

  it("is there for every proxy with auth, MCP or not, and never offers offline access", () => {
    expect(document(proxyWith({}, null), root).resource).toBe("https://mcp.example.com")
    expect(document(proxyWith({}, { mcp_scopes: ["a", "offline_access"] }), root).scopes_supported).toEqual(["a"])
  })

  it("names no authorization server where MCP is on and auth is off", () => {
    for (const proxy of [proxyWith(null), proxyWith({ auth_enabled: false })]) {
      expect(document(proxy, root)).not.toHaveProperty("authorization_servers")
      expect(get(proxy, "/.well-known/oauth-authorization-server")).toBeUndefined()
    }
  })

  it("leaves the path to the backend where both are off", () => {
    for (const proxy of [proxyWith(null, null), proxyWith({ auth_enabled: false }, { mcp_enabled: false })])
      expect(get(proxy, root)).toBeUndefined()
  })

  it("of another resource is 404 in JSON", () => {
    for (const suffix of ["/mcp2", "/mc", "/mcp/x", "/MCP", "//mcp", "/mcp//", "/.."]) {
      const answer = get(proxyWith({}), root + suffix)
      expect([answer?.status, JSON.parse(answer!.body).code], suffix).toEqual([404, "not_found"])
    }
    expect(get(proxyWith({}, null), `${root}/mcp`)?.status).toBe(404)
  })

  it("leaves paths that only look alike to the backend", () => {
    for (const path of [`${root}s`, "/.well-known/openid", "/.well-known/acme-challenge/x", "/", `/x${root}`])
      expect(get(proxyWith({}), path)).toBeUndefined()
  })
})

describe("authorization server metadata on a proxied host", () => {
  it("is 404 in JSON, because it belongs to the OAuth host", () => {
    for (const path of ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
      for (const suffix of ["", "/", "/mcp"])
        expect(get(proxyWith({}, null), path + suffix)).toMatchObject({ status: 404 })
  })
})

describe("any discovery answer", () => {
  it("may be read from every origin, and a document may be kept shortly", () => {
    for (const [method, path] of [
      ["GET", root],
      ["GET", `${root}/x`],
      ["HEAD", root],
      ["OPTIONS", root],
      ["POST", root],
    ] as const)
      expect(header(resourceMetadata(proxyWith({}), method, path, 443), "Access-Control-Allow-Origin")).toBe("*")
    expect(header(get(proxyWith({}), root), "Cache-Control")).toBe("public, max-age=60")
    expect(header(get(proxyWith({}), `${root}/x`), "Cache-Control")).toBe("no-store")
  })

  it("has no body for HEAD, allows a preflight, and refuses other methods", () => {
    expect(resourceMetadata(proxyWith({}), "HEAD", root, 443)).toMatchObject({ status: 200, body: "" })
    expect(resourceMetadata(proxyWith({}), "OPTIONS", root, 443)).toMatchObject({ status: 204, body: "" })
    const refused = resourceMetadata(proxyWith({}), "DELETE", root, 443)
    expect([refused?.status, header(refused, "Allow")]).toEqual([405, "GET, HEAD, OPTIONS"])
  })
})
