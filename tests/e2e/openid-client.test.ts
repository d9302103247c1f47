import * as client from "openid-client"
import { type ProtectedServer, protectedServer } from "../support/protected-server.ts"
import { afterAll, beforeAll, expect, it } from "vitest"
import { agent, browser } from "../support/browser.ts"
import type { McpServer } from "../support/mcp-server.ts"
import { fetch } from "undici"
import { startMcpServer } from "../support/mcp-server.ts"

let mcp: McpServer
let gate: ProtectedServer
const redirectUri = "http://127.0.0.1:33418/callback"

beforeAll(async () => {
  mcp = await startMcpServer()
  gate = await protectedServer(mcp.url)
})

afterAll(async () => {
  await gate?.stop()
  await mcp?.stop()
})

const reach = ((url: string, init: object) => fetch(url, { ...init, dispatcher: agent(gate.ca) })) as never

async function register(metadata: Partial<client.ClientMetadata>, authentication?: client.ClientAuth) {
  const options = { [client.customFetch]: reach, algorithm: "oauth2" as const }
  return client.dynamicClientRegistration(new URL(gate.issuer), metadata, authentication, options)
}

/** Consent and sign-in. @returns the address that the client is called back at */
async function approve(url: URL): Promise<URL> {
  const person = browser(agent(gate.ca))
  const decided = await person.submit(await person.fetch(url), { decision: "allow" })
  const done = await person.submit(await person.fetch(decided.location!), { token: gate.person })
  return new URL(done.location!)
}

/** Status of a call of the protected server. */
async function call(headers: Record<string, string>): Promise<number> {
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "openid", version: "1" } }
  const answer = await fetch(gate.url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params }),
    dispatcher: agent(gate.ca),
  })
  await answer.body?.cancel()
  return answer.status
}

it("takes openid-client from registration to the protected server, through refresh and introspection to revocation", async () => {
  const grants = ["authorization_code", "refresh_token"]
  const config = await register({
    client_name: "Confidential",
    redirect_uris: [redirectUri],
    grant_types: grants,
    token_endpoint_auth_method: "client_secret_post",
  })
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    resource: gate.url,
    scope: "mcp:read offline_access",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
  })
  const checks = { pkceCodeVerifier: verifier, expectedState: state }
  const tokens = await client.authorizationCodeGrant(config, await approve(url), checks, { resource: gate.url })
  expect(tokens.scope).toBe("mcp:read offline_access")
  expect(await call({ authorization: `Bearer ${tokens.access_token}` })).toBe(200)

  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token!, { resource: gate.url })
  expect(renewed.refresh_token).not.toBe(tokens.refresh_token)
  const { active, aud } = await client.tokenIntrospection(config, renewed.access_token)
  expect({ active, aud }).toEqual({ active: true, aud: [gate.url] })

  await client.tokenRevocation(config, renewed.refresh_token!)
  expect((await client.tokenIntrospection(config, renewed.access_token)).active).toBe(false)
  expect(await call({ authorization: `Bearer ${renewed.access_token}` })).toBe(401)
  await expect(client.refreshTokenGrant(config, renewed.refresh_token!)).rejects.toMatchObject({
    error: "invalid_grant",
  })
})

it("refuses to take an answer of another issuer for ours", async () => {
  const config = await register({ redirect_uris: [redirectUri], token_endpoint_auth_method: "none" }, client.None())
  const verifier = client.randomPKCECodeVerifier()
  const code_challenge = await client.calculatePKCECodeChallenge(verifier)
  const request = { redirect_uri: redirectUri, resource: gate.url, code_challenge, code_challenge_method: "S256" }
  const answer = await approve(client.buildAuthorizationUrl(config, request))
  expect(answer.searchParams.get("iss")).toBe(gate.issuer)
  answer.searchParams.set("iss", "https://other.example")
  await expect(client.authorizationCodeGrant(config, answer, { pkceCodeVerifier: verifier })).rejects.toMatchObject({
    cause: { message: expect.stringContaining('"iss"') },
  })
})

it("binds tokens to a key that the protected server asks for", async () => {
  const grant = "urn:ietf:params:oauth:grant-type:device_code"
  const metadata = { client_name: "Device", grant_types: [grant], token_endpoint_auth_method: "none" }
  const config = await register(metadata, client.None())
  const asked = await client.initiateDeviceAuthorization(config, { resource: gate.url })
  const person = browser(agent(gate.ca))
  const entered = await person.submit(await person.fetch(asked.verification_uri), { user_code: asked.user_code })
  const decided = await person.submit(entered, { decision: "allow" })
  await person.submit(await person.fetch(decided.location!), { token: gate.person })
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"))
  const tokens = await client.pollDeviceAuthorizationGrant(config, { ...asked, interval: 0.1 }, undefined, { DPoP })
  expect(tokens.token_type).toBe("dpop")
  expect(await call({ authorization: `Bearer ${tokens.access_token}` })).toBe(401)
  const headers = new Headers({ accept: "application/json, text/event-stream" })
  const answer = await client.fetchProtectedResource(
    config,
    tokens.access_token,
    new URL(gate.url),
    "GET",
    null,
    headers,
    { DPoP },
  )
  // Let through to the server, which has no session for it.
  expect(answer.status).toBe(400)
})
