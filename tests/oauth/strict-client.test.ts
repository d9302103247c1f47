import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type Person, person } from "./person.ts"
import * as oauth from "oauth4webapi"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, expect, it } from "vitest"
import { randomSecret } from "../../src/platform/ids.ts"

let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string
let server: oauth.AuthorizationServer
let options: { [oauth.customFetch]: typeof reach }

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  options = { [oauth.customFetch]: reach }
  const issuer = new URL(node.issuer)
  const discovered = await oauth.discoveryRequest(issuer, { ...options, algorithm: "oauth2" })
  server = await oauth.processDiscoveryResponse(issuer, discovered)
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

/** What the client sends: forms and JSON. */
const text = (body: object | string) => (typeof body === "string" ? body : (body as URLSearchParams).toString())

/** `fetch` that reaches the node by its public name. */
async function reach(
  url: string,
  init: {
    method: string
    headers: Record<string, string>
    body?: URLSearchParams | string | object | null | undefined
  },
): Promise<Response> {
  const { pathname, search } = new URL(url)
  const body = init.body === undefined || init.body === null ? {} : { body: text(init.body) }
  const headers = Object.fromEntries(new Headers(init.headers))
  const answer = await send(node, pathname + search, { method: init.method, headers, ...body })
  const flat = Object.entries(answer.headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => [name, one] as [string, string]),
  )
  return new Response(answer.text === "" ? null : answer.text, { status: answer.status, headers: flat })
}

async function registered(metadata: Record<string, oauth.JsonValue>): Promise<oauth.Client> {
  const request = {
    client_name: "Strict",
    redirect_uris: ["https://client.example/cb"],
    token_endpoint_auth_method: "none",
    ...metadata,
  }
  const answer = await oauth.dynamicClientRegistrationRequest(server, request, options)
  return oauth.processDynamicClientRegistrationResponse(answer)
}

/** A person who is signed in once the first request is through. */
async function authorize(who: Person, client: oauth.Client, parameters: Record<string, string>): Promise<URL> {
  const url = new URL(server.authorization_endpoint!)
  const all = {
    client_id: client.client_id,
    redirect_uri: "https://client.example/cb",
    response_type: "code",
    resource,
    ...parameters,
  }
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value)
  const decided = await who.submit(await who.visit(url.pathname + url.search), { decision: "allow" })
  if (decided.location!.pathname !== "/login") return decided.location!
  const login = await who.visit(decided.location!.pathname + decided.location!.search)
  return (await who.submit(login, { token: alice })).location!
}

it("takes a strict client from discovery to bound tokens, refresh, revocation and the check of a token", async () => {
  const client = await registered({ grant_types: ["authorization_code", "refresh_token"] })
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"))
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()]
  const back = await authorize(person(node), client, {
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    dpop_jkt: await DPoP.calculateThumbprint(),
  })
  const parameters = oauth.validateAuthResponse(server, client, back, state)
  const redeem = oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    "https://client.example/cb",
    verifier,
    { ...options, DPoP },
  )
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, await redeem)
  expect(tokens.token_type).toBe("dpop")
  const refresh = oauth.refreshTokenGrantRequest(server, client, oauth.None(), tokens.refresh_token!, {
    ...options,
    DPoP,
  })
  const renewed = await oauth.processRefreshTokenResponse(server, client, await refresh)
  expect(renewed.token_type).toBe("dpop")
  const revoke = () => oauth.revocationRequest(server, client, oauth.None(), renewed.refresh_token!, options)
  await oauth.processRevocationResponse(await revoke())
})

it("takes a strict client through the device grant, and its token passes the checks of RFC 9068", async () => {
  const client = await registered({ grant_types: ["urn:ietf:params:oauth:grant-type:device_code"] })
  const asked = await oauth.deviceAuthorizationRequest(
    server,
    client,
    oauth.None(),
    new URLSearchParams({ resource }),
    options,
  )
  const device = await oauth.processDeviceAuthorizationResponse(server, client, asked)
  const who = person(node)
  const consent = await who.visit("/device", {
    form: { user_code: device.user_code },
    headers: { origin: node.issuer },
  })
  const decided = await who.submit(consent, { decision: "allow" })
  await who.submit(await who.visit(decided.location!.pathname + decided.location!.search), { token: alice })
  const poll = await oauth.deviceCodeGrantRequest(server, client, oauth.None(), device.device_code, options)
  const tokens = await oauth.processDeviceCodeResponse(server, client, poll)
  const request = new Request(resource, { headers: { authorization: `Bearer ${tokens.access_token}` } })
  const claims = await oauth.validateJwtAccessToken(server, request, resource, options)
  expect(claims).toMatchObject({ sub: "local-alice", client_id: client.client_id })
})

it("takes a strict machine that signs its requests, and tells it about its own token", async () => {
  const { publicKey, privateKey } = await oauth.generateKeyPair("ES256", { extractable: true })
  const id = `mcp_${randomSecret(16)}`
  const jwks = { keys: [await crypto.subtle.exportKey("jwk", publicKey)] }
  const metadata = {
    redirect_uris: [],
    response_types: [],
    grant_types: ["client_credentials"],
    token_endpoint_auth_method: "private_key_jwt",
    jwks,
  }
  await node.execute("CreateClient", { client_id: id, metadata, secret_hash: null })
  const client = { client_id: id }
  const method = oauth.PrivateKeyJwt(privateKey)
  const grant = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    method,
    new URLSearchParams({ resource }),
    options,
  )
  const tokens = await oauth.processClientCredentialsResponse(server, client, grant)
  const asked = await oauth.introspectionRequest(server, client, method, tokens.access_token, options)
  expect(await oauth.processIntrospectionResponse(server, client, asked)).toMatchObject({ active: true, sub: id })
})
