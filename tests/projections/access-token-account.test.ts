import { describe, expect, it } from "vitest"
import { fold, goodClaims, signed } from "../support/access-tokens.ts"
import { freshWorld, issuer, rsa, tokens, world } from "./checked-tokens.ts"

freshWorld()

const apiToken = (name: string, at = "2026-01-01T00:00:00.000Z") =>
  fold(
    world,
    "api-token",
    name,
    "TokenCreated",
    {
      name,
      hash: `sha256:${"0".repeat(64)}`,
      preview: "acm_…",
      cert_email: `${name}@example.org`,
      secret_ref: `token-${name}`,
      is_admin: false,
    },
    at,
  )

const grant = (provider: string, username: string, clientId = "mcp_client1") =>
  fold(
    world,
    "grant",
    "grant-0009",
    "GrantIssued",
    {
      client_id: clientId,
      subject: "local-alice",
      username,
      email: null,
      email_verified: false,
      provider,
      scope: "mcp:read",
      resources: [],
      redirect_uri: null,
    },
    "2026-01-02T00:00:00.000Z",
  )

const state = (clientId = "mcp_client1") => {
  const token = signed(rsa, {
    ...goodClaims,
    sub: "local-alice",
    sid: "grant-0009",
    client_id: clientId,
    azp: clientId,
  })
  const checked = tokens.verify(token, issuer)
  return checked.ok ? "good" : checked.reason
}

describe("a token of somebody who signed in with an API token", () => {
  it("stands as long as that API token does, and not with another of its name", () => {
    apiToken("alice")
    grant("local", "Alice")
    expect(state()).toBe("good")
    fold(world, "api-token", "alice", "TokenDeleted", { name: "alice" })
    expect(state()).toBe("revoked")
    apiToken("alice", "2026-01-03T00:00:00.000Z")
    expect(state()).toBe("revoked")
  })

  it("is the only one that depends on it: names at other providers mean nothing", () => {
    grant("github", "alice")
    expect(state()).toBe("good")
  })
})

describe("a token of a client that somebody set up", () => {
  it("stands as long as they are there", () => {
    apiToken("bob")
    fold(
      world,
      "client",
      "mcp_bobs",
      "ClientRegistered",
      {
        metadata: {
          redirect_uris: [],
          grant_types: ["client_credentials"],
          response_types: [],
          token_endpoint_auth_method: "client_secret_post",
        },
        secret_hash: `sha256:${"0".repeat(64)}`,
        registration_token_hash: null,
        kind: "admin",
        owner: "bob",
        expires_at: null,
      },
      "2026-01-02T00:00:00.000Z",
    )
    grant("client", "mcp_bobs", "mcp_bobs")
    expect(state("mcp_bobs")).toBe("good")
    fold(world, "api-token", "bob", "TokenDeleted", { name: "bob" })
    expect(state("mcp_bobs")).toBe("revoked")
  })
})
