import type { Client } from "../../../src/events/oauth-client.ts"
import { clientView } from "../../../src/projections/views/oauth-client.ts"
import { describe, expect, it } from "vitest"

const made = "2026-01-01T00:00:00.000Z"
const dayMs = 86_400_000
const unused = { activeTokens: null, lastIssued: null, lastUsed: null }

const client = (metadata: Partial<Client["metadata"]> = {}, more: Partial<Client> = {}): Client => ({
  client_id: "mcp_client0001",
  kind: "dynamic",
  metadata: {
    client_name: "Editor",
    redirect_uris: ["http://127.0.0.1:5001/cb"],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    ...metadata,
  },
  secret_hash: null,
  registration_token_hash: "00",
  owner: null,
  disabled: false,
  vouched: false,
  created_at: made,
  expires_at: "2026-04-01T00:00:00.000Z",
  used_at: null,
  ...more,
})
const view = (of: Client, days = 0) => clientView(of, unused, Date.parse(made) + days * dayMs)
const fingerprint = (metadata: Partial<Client["metadata"]>) => view(client(metadata)).fingerprint

describe("the fingerprint of a client", () => {
  it("is the same for each registration of one program, whatever port it listens on", () => {
    const ports = ["http://127.0.0.1:6000/cb"]
    expect(fingerprint({ redirect_uris: ports })).toBe(fingerprint({}))
    expect(view(client({}, { client_id: "mcp_client0002" })).fingerprint).toBe(fingerprint({}))
    expect(fingerprint({ scope: "mcp:read", software_version: "2" })).toBe(fingerprint({}))
  })

  it("is another one for another name, program or return address", () => {
    const all = [
      {},
      { client_name: "Other" },
      { software_id: "x" },
      { redirect_uris: ["http://127.0.0.1:5001/other"] },
      { redirect_uris: ["https://127.0.0.1:5001/cb"] },
    ].map(fingerprint)
    expect(new Set(all).size).toBe(all.length)
  })
})

describe("the life of a client", () => {
  it("is a day while nobody used it, and its own time afterwards", () => {
    expect([view(client(), 0.9).is_active, view(client(), 1).is_active]).toEqual([true, false])
    expect(view(client({}, { used_at: made }), 2)).toMatchObject({ is_active: true, days_until_expiry: 88 })
    expect(view(client({}, { used_at: made, disabled: true }), 2).is_active).toBe(false)
  })
})
