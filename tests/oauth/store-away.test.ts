import { type Answer, type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { person } from "./person.ts"
import { runningTime } from "../support/running-time.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import {
  type TestClient,
  type Tokens,
  authorizePath,
  codeFor,
  redemption,
  refreshing,
  registerClient,
  tokenRequest,
  tokensFor,
  verifier,
} from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string
let client: TestClient

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  client = await registerClient(node)
})

afterAll(async () => {
  redis?.resume()
  await node?.stop()
  await redis?.stop()
})

const again = async <T>(probe: () => Promise<T | undefined>): Promise<T> => {
  const deadline = Date.now() + 10_000
  for (;;) {
    const value = await probe()
    if (value !== undefined) return value
    if (Date.now() > deadline) throw new Error("did not come back within 10 s")
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function expectAway(answer: Answer): void {
  expect(answer.status).toBe(503)
  expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0)
}

describe.each([
  ["frozen", async () => redis.pause(), async () => redis.resume()],
  ["killed", () => redis.kill(), () => redis.restart()],
])("while Redis is %s", (_how, away, back) => {
  it("answers 503 within two seconds and never an error that costs a client its login, and goes on afterwards", async () => {
    const tokens = await tokensFor(node, client, alice, { resource })
    const ended = await tokensFor(node, client, alice, { resource })
    const waiting = await codeFor(node, client, alice, { resource })
    const who = person(node)
    const consent = await who.visit(authorizePath(client, verifier(), { resource }))
    await away()
    try {
      const time = runningTime()
      const answers = await Promise.all([
        tokenRequest(node, refreshing(client, tokens.refresh_token)),
        tokenRequest(node, redemption(client, waiting.code, waiting.verifier)),
      ])
      expect(time.ms).toBeLessThan(2500)
      time.stop()
      const commands = await Promise.all([
        send(node, "/register", { json: { redirect_uris: ["https://client.example/cb"] } }),
        send(node, "/revoke", { form: { client_id: client.client_id, token: ended.refresh_token } }),
      ])
      for (const answer of [...answers, ...commands]) {
        expectAway(answer)
        expect(answer.json()["error"]).toBe("temporarily_unavailable")
        expect(answer.headers["access-control-allow-origin"]).toBe("*")
      }
      const pages = await Promise.all([
        send(node, authorizePath(client, verifier(), { resource })),
        who.submit(consent, { decision: "allow" }),
        send(node, "/callback?state=x&code=y"),
      ])
      for (const page of pages) {
        expectAway(page)
        expect(page.headers["content-type"]).toContain("text/html")
        expect(page.headers.location).toBeUndefined()
      }
      for (const path of ["/jwks", "/.well-known/oauth-authorization-server", "/"])
        expect((await send(node, path)).status).toBe(200)
      expect(
        (await send(node, authorizePath(client, verifier(), { redirect_uri: "https://evil.example/" }))).status,
      ).toBe(400)
    } finally {
      await back()
    }
    const refreshed = await again(async () => {
      const answer = await tokenRequest(node, refreshing(client, tokens.refresh_token))
      if (answer.status === 503) return undefined
      return answer
    })
    expect(refreshed.status, refreshed.text).toBe(200)
    const code = await again(async () => {
      const answer = await tokenRequest(node, redemption(client, waiting.code, waiting.verifier))
      return answer.status === 503 ? undefined : answer
    })
    expect(code.status, code.text).toBe(200)
    expect(code.json<Tokens>().refresh_token).toBeDefined()
    const registered = await again(async () => {
      const answer = await send(node, "/register", { json: { redirect_uris: ["https://client.example/cb"] } })
      return answer.status === 503 ? undefined : answer
    })
    expect(registered.status, registered.text).toBe(201)
  })
})
