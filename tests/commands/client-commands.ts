import { hash, system } from "../support/decider.ts"

export const id = "mcp_client0001"

export const web = {
  client_name: "Client",
  redirect_uris: ["https://client.example/cb"],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
}

export const machine = {
  redirect_uris: [],
  grant_types: ["client_credentials"],
  response_types: [],
  token_endpoint_auth_method: "client_secret_basic",
}

export const register = (expires = "2026-04-01T00:00:00.000Z", client_id = id): [string, unknown, typeof system] => [
  "RegisterClient",
  { client_id, metadata: web, secret_hash: null, registration_token_hash: hash("a"), expires_at: expires },
  system,
]

export const create = (metadata: object, more: object = {}): [string, unknown] => [
  "CreateClient",
  { client_id: id, metadata, secret_hash: hash("b"), ...more },
]

export const grant = (grant_id: string, more: object = {}): [string, unknown, typeof system] => [
  "IssueGrant",
  {
    grant_id,
    client_id: id,
    subject: "local-alice",
    username: "alice",
    email: null,
    email_verified: false,
    provider: "local",
    scope: "mcp:read",
    resources: ["https://mcp.test/mcp"],
    redirect_uri: "https://client.example/cb",
    ...more,
  },
  system,
]

export const consent = { consent: { consent_id: "6f3c1b2e-9d5a-5c7f-8e21-a4b0c9d7e6f5", shown: hash("c") } }
export const holder = { subject: id, username: id, email: null, email_verified: false, provider: "client" }
export const dayMs = 86_400_000
