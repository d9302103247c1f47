import {
  type TestClient,
  approve,
  authorizePath,
  codeFor,
  redemption,
  redirectUri,
  registerClient,
  tokenRequest,
  verifier,
} from "./flow.ts"
import { alice, described, documentNode, node, resource } from "./described-client.ts"
import { describe, expect, it } from "vitest"
import { decodeJwt } from "jose"
import { randomSecret } from "../../src/platform/ids.ts"

documentNode()

/** Scope of the access token that a client gets when it asks for these. */
async function scopeFor(client: TestClient, scope?: string): Promise<unknown> {
  const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource, scope })
  const answer = await tokenRequest(node, redemption(client, code, codeVerifier))
  expect(answer.status, answer.text).toBe(200)
  return decodeJwt(answer.json<{ access_token: string }>().access_token)["scope"]
}

async function setUp(scope: string): Promise<TestClient> {
  const client_id = `mcp_${randomSecret(16)}`
  const metadata = {
    client_name: "Set up",
    redirect_uris: [redirectUri],
    response_types: ["code"],
    grant_types: ["authorization_code"],
    token_endpoint_auth_method: "none",
    scope,
  }
  await node.execute("CreateClient", { client_id, metadata, secret_hash: null })
  return { client_id, redirect_uri: redirectUri, registration_access_token: "" }
}

describe("the scope that a client says of itself", () => {
  it("is no limit: who registered for the first challenge can step up (RFC 7591 §2, MCP)", async () => {
    const client = await registerClient(node, { scope: "mcp:read" })
    expect(await scopeFor(client, "mcp:read")).toBe("mcp:read")
    expect(await scopeFor(client, "mcp:read mcp:write")).toBe("mcp:read mcp:write")
  })

  it("is none in a document either", async () => {
    expect(await scopeFor(described({ scope: "mcp:read" }), "mcp:read mcp:write")).toBe("mcp:read mcp:write")
  })
})

describe("the scope that an administrator registered a client with", () => {
  it("limits what it gets", async () => {
    const client = await setUp("mcp:read")
    expect(await scopeFor(client, "mcp:read mcp:write")).toBe("mcp:read")
    expect(await scopeFor(client)).toBe("mcp:read")
    const refused = await approve(node, authorizePath(client, verifier(), { resource, scope: "mcp:write" }), alice)
    expect(refused.location!.searchParams.get("error")).toBe("invalid_scope")
  })
})
