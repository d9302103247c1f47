import { type Answer, type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type DocumentSite, documentSite } from "./document-site.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import type { generateKeyPair } from "jose"
import { type TestClient, type Tokens, authorizePath, codeFor, redemption, tokenRequest, verifier } from "./flow.ts"
import { afterAll, afterEach, beforeAll, expect } from "vitest"
import { documentFetch } from "../../src/oauth/document-fetch.ts"

export type Key = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]
let redis: RedisServer
export let site: DocumentSite
export let node: OAuthNode
export let alice: string
export let resource: string
let count = 0
export const callback = "http://127.0.0.1:7777/callback"

/** Publishes a document under a new URL. `undefined` leaves a member out. */
export function described(
  members: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): TestClient & { path: string } {
  const path = `/clients/${++count}.json`
  republish(path, members, headers)
  return { client_id: site.origin + path, redirect_uri: callback, registration_access_token: "", path }
}

export function republish(
  path: string,
  members: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): void {
  const usual = { client_id: site.origin + path, client_name: "Described client", redirect_uris: [callback] }
  site.publish(path, { ...usual, grant_types: ["authorization_code", "refresh_token"], ...members }, headers)
}

export const reads = (path: string) => site.seen.filter((seen) => seen.path === path).length
export const ask = (client: TestClient) => send(node, authorizePath(client, verifier(), { resource }))
export const hours = (n: number) => n * 3_600_000

export async function tokens(client: TestClient): Promise<Tokens> {
  const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
  const answer = await tokenRequest(node, redemption(client, code, codeVerifier))
  expect(answer.status, answer.text).toBe(200)
  return answer.json()
}

export function refusedPage(answer: Answer, text: string | RegExp): void {
  expect([answer.status, answer.headers.location]).toEqual([400, undefined])
  expect(answer.text).toMatch(text)
}

/** Starts a site with documents and an authorization server before the tests of a file, and stops them after. */
export function documentNode(): void {
  beforeAll(async () => {
    redis = await redisServer()
    site = await documentSite()
    const documents = documentFetch({
      issuer: "https://auth.localhost:8443",
      allowedHosts: [],
      deniedHosts: [],
      ca: site.ca,
    })
    node = await oauthNode({ redisUrl: redis.url, documents })
    await node.ensureSigningKey()
    alice = await apiToken(node, "alice")
    resource = await protectedProxy(node, "mcp.test")
  })
  afterEach(() => {
    node.clock.offset = 0
    node.clock.at = undefined
  })
  afterAll(async () => {
    await node?.stop()
    await site?.stop()
    await redis?.stop()
  })
}
