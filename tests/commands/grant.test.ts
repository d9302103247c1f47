import { admin, decider, hash, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"

const client_id = "mcp_client0001"
const target_url = "http://backend.example:8080"
const expires_at = "2027-01-01T00:00:00.000Z"

function granted(...resources: string[]) {
  const metadata = {
    redirect_uris: ["https://a.example/cb"],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  }
  const registration = { client_id, metadata, secret_hash: null, registration_token_hash: hash("1"), expires_at }
  const person = { subject: "local-x", username: "x", email: null, email_verified: false, provider: "local" }
  const grant = {
    grant_id: "grant-0001",
    client_id,
    ...person,
    scope: "mcp:read",
    resources,
    redirect_uri: "https://a.example/cb",
  }
  const { given } = decider()
  return given(
    token("alice"),
    token("bob"),
    ["CreateProxy", { hostname: "a.test", target_url, owner: "alice" }],
    ["CreateProxy", { hostname: "b.test", target_url, owner: "bob" }],
    ["RegisterClient", registration, system],
    ["IssueGrant", grant, system],
  )
}

const revoke = ["RevokeGrant", { grant_id: "grant-0001", reason: "admin" }] as const
const revokeToken = ["RevokeAccessToken", { grant_id: "grant-0001", jti: "t", expires_at }] as const

describe("ending a grant", () => {
  it("is for whoever owns every proxy that it is for", () => {
    const { when, world } = granted("https://a.test/mcp", "https://a.test:8443") as ReturnType<typeof decider>
    expect(when(...revokeToken, owner("bob")).refused).toBe("not_owner")
    expect(when(...revoke, owner("bob")).refused).toBe("not_owner")
    expect(when(...revokeToken, owner("alice")).events).toEqual(["AccessTokenRevoked"])
    expect(when(...revoke, owner("alice")).events).toEqual(["GrantRevoked"])
    expect(find(world, "grant", "grant-0001")).toBeUndefined()
  })

  it.each([
    ["of another owner too", ["https://a.test/mcp", "https://b.test/mcp"]],
    ["of nobody", []],
    ["whose proxy is gone", ["https://gone.test/mcp"]],
    ["of a host that only begins alike", ["https://a.test.evil.example/mcp"]],
  ])("is not for the owner of a part: one %s", (_what, resources) => {
    const { when } = granted(...resources)
    expect(when(...revoke, owner("alice")).refused).toBe("not_owner")
    expect(when(...revoke, admin).events).toEqual(["GrantRevoked"])
  })

  it("tells a stranger nothing about a grant that does not exist", () => {
    expect(
      granted("https://a.test").when("RevokeGrant", { grant_id: "grant-0002", reason: "admin" }, owner("alice"))
        .refused,
    ).toBe("not_owner")
  })
})
