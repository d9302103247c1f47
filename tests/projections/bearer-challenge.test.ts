import { describe, expect, it } from "vitest"
import { malformedChallenge, scopeChallenge, tokenChallenge } from "../../src/projections/bearer-challenge.ts"
import { extractWWWAuthenticateParams } from "@modelcontextprotocol/sdk/client/auth.js"
import { proxyWith } from "../support/access-tokens.ts"

/** What a deployed MCP client reads from the header. */
const read = (challenge: string) => {
  const response = new Response(null, { status: 401, headers: { "www-authenticate": challenge } })
  const { resourceMetadataUrl, scope, error } = extractWWWAuthenticateParams(response)
  return { url: resourceMetadataUrl?.href, scope, error }
}
const urls =
  'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", ' +
  'as_uri="https://auth.example.com/.well-known/oauth-authorization-server", ' +
  'resource_uri="https://mcp.example.com/.well-known/oauth-protected-resource"'

describe("the challenge of a 401", () => {
  it("names no error when no credential was sent", () => {
    const challenge = tokenChallenge(proxyWith({}), 443)
    expect(challenge).toBe(`Bearer realm="mcp.example.com", scope="mcp:read mcp:write", ${urls}`)
    expect(read(challenge)).toEqual({
      url: "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
      scope: "mcp:read mcp:write",
      error: undefined,
    })
  })

  it("names error and description between realm and scope", () => {
    const challenge = tokenChallenge(proxyWith({}), 443, {
      error: "invalid_token",
      description: "The access token has expired.",
    })
    expect(challenge).toBe(
      `Bearer realm="mcp.example.com", error="invalid_token", error_description="The access token has expired.", scope="mcp:read mcp:write", ${urls}`,
    )
    expect(read(challenge)).toMatchObject({ error: "invalid_token", scope: "mcp:read mcp:write" })
  })

  it("carries the public port in every address and not in the realm", () => {
    const challenge = tokenChallenge(proxyWith({}), 8443)
    expect(challenge).toContain('realm="mcp.example.com"')
    expect(challenge).toContain('as_uri="https://auth.example.com:8443/.well-known/oauth-authorization-server"')
    expect(read(challenge).url).toBe("https://mcp.example.com:8443/.well-known/oauth-protected-resource/mcp")
  })

  it("points to the root document where there is no MCP endpoint", () => {
    for (const proxy of [
      proxyWith({}, null),
      proxyWith({}, { mcp_endpoint: "/" }),
      proxyWith({}, { mcp_enabled: false }),
    ])
      expect(read(tokenChallenge(proxy, 443)).url).toBe("https://mcp.example.com/.well-known/oauth-protected-resource")
  })

  it("asks for neither administration nor offline access", () => {
    const proxy = proxyWith({}, { mcp_scopes: ["mcp:read", "mcp:admin", "offline_access"] })
    expect(read(tokenChallenge(proxy, 443)).scope).toBe("mcp:read")
  })

  it("is one line with one scheme, and no comma after it", () => {
    const challenge = tokenChallenge(proxyWith({}), 443)
    expect(challenge).toMatch(/^Bearer [a-z_]+="[^"\\]*"(?:, [a-z_]+="[^"\\]*")*$/)
    expect(challenge).not.toMatch(/[\r\n]/)
  })

  it("keeps quotes inside of values from ending them", () => {
    expect(malformedChallenge(proxyWith({}), 'a "b" \\ c')).toContain('error_description="a \\"b\\" \\\\ c"')
  })
})

describe("the challenge of a 403", () => {
  it("names all needed scopes and the metadata, and the description last", () => {
    const challenge = scopeChallenge(proxyWith({}), 443, ["mcp:read", "mcp:write"], "More is needed.")
    expect(challenge).toBe(
      'Bearer realm="mcp.example.com", error="insufficient_scope", scope="mcp:read mcp:write", ' +
        'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", error_description="More is needed."',
    )
    expect(read(challenge)).toEqual({
      url: "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
      scope: "mcp:read mcp:write",
      error: "insufficient_scope",
    })
  })
})
