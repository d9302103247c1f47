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
  gate = await protectedServer(mcp.url, { OAUTH_DPOP_NONCE_REQUIRED: "true" })
})

afterAll(async () => {
  await gate?.stop()
  await mcp?.stop()
})

/** What the two servers said to the client's requests, by the last part of their paths. */
const answers: string[] = []
const reach = (async (url: string, init: object) => {
  const answer = await fetch(url, { ...init, dispatcher: agent(gate.ca) })
  const asked = (await answer.clone().text()) + (answer.headers.get("www-authenticate") ?? "")
  const nonce = answer.headers.has("dpop-nonce") ? "nonce" : "none"
  answers.push(`${new URL(url).pathname} ${answer.status} ${nonce}${asked.includes("use_dpop_nonce") ? " asked" : ""}`)
  return answer
}) as never

it("takes a client that knows nonces through sign-in, refresh and the protected server, where all proofs must carry one", async () => {
  const options = { [client.customFetch]: reach, algorithm: "oauth2" as const }
  const metadata = {
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: "none",
  }
  const config = await client.dynamicClientRegistration(new URL(gate.issuer), metadata, client.None(), options)
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"))
  const verifier = client.randomPKCECodeVerifier()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    resource: gate.url,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    dpop_jkt: await DPoP.calculateThumbprint(),
  })
  const person = browser(agent(gate.ca))
  const decided = await person.submit(await person.fetch(url), { decision: "allow" })
  const done = await person.submit(await person.fetch(decided.location!), { token: gate.person })
  answers.length = 0
  const checks = { pkceCodeVerifier: verifier }
  const tokens = await client.authorizationCodeGrant(config, new URL(done.location!), checks, {}, { DPoP })
  expect(tokens.token_type).toBe("dpop")
  expect(answers).toEqual(["/token 400 nonce asked", "/token 200 nonce"])
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token!, {}, { DPoP })
  expect(answers.slice(2), "the nonce that came with the tokens").toEqual(["/token 200 nonce"])
  answers.length = 0
  const call = () => {
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "openid", version: "1" } },
    })
    const headers = new Headers({ "content-type": "application/json", accept: "application/json, text/event-stream" })
    const target = new URL(gate.url)
    return client.fetchProtectedResource(config, renewed.access_token, target, "POST", body, headers, { DPoP })
  }
  expect([(await call()).status, (await call()).status]).toEqual([200, 200])
  expect(answers).toEqual(["/mcp 401 nonce asked", "/mcp 200 nonce", "/mcp 200 nonce"])
})
