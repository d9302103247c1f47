import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Tokens, authorizePath, codeFor, registerClient, tokensFor, verifier } from "../oauth/flow.ts"
import { type WebHost, webHost } from "./web-host.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { send } from "../oauth/oauth-node.ts"
import type { TestClient } from "../oauth/flow.ts"

const app = "https://app.localhost:8443"
const other = "https://other.localhost:8443"
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
let redis: RedisServer
let host: WebHost
let client: TestClient
let confidential: TestClient
/** Everything that proves something somewhere, by what it is. */
let credentials: Record<string, string>

beforeAll(async () => {
  redis = await redisServer()
  host = await webHost(redis.url)
  await host.host("app.localhost")
  await host.host("other.localhost")
  const { node, alice } = host
  client = await registerClient(node, { grant_types: ["authorization_code", "refresh_token", deviceGrant] })
  confidential = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
  const tokens: Tokens = await tokensFor(node, client, alice, { resource: app })
  const foreign = await tokensFor(node, client, alice, { resource: other })
  const visitor = host.visitor()
  await visitor.signIn(`${app}/`, alice)
  await visitor.signIn(`${other}/`, alice)
  const asked = await send(node, "/device_authorization", { form: { client_id: client.client_id, resource: app } })
  credentials = {
    "access token": tokens.access_token,
    "access token of another host": foreign.access_token,
    "refresh token": tokens.refresh_token,
    "host cookie": visitor.jar("app.localhost").get("__Host-gh_access")!,
    "cookie of another host": visitor.jar("other.localhost").get("__Host-gh_access")!,
    "session cookie": visitor.jar("auth.localhost").get("__Host-gh_session")!,
    "code of a device": asked.json<{ device_code: string }>().device_code,
    "registration token": client.registration_access_token,
    "client secret": confidential.client_secret!,
    "API token": alice,
    code: (await codeFor(node, client, alice, { resource: app })).code,
  }
})
afterAll(async () => {
  await host?.stop()
  await redis?.stop()
})

const bearer = (value: string) => ({ authorization: `Bearer ${value}` })
const asked = async (path: string, sending: object) => (await send(host.node, path, sending)).status
const token = async (form: Record<string, string>) => {
  const answer = await send(host.node, "/token", { form: { client_id: client.client_id, ...form } })
  return [answer.status, answer.json()["error"]]
}

/** Where something is asked for: what is good there, and what the answer then is. */
const places: Record<string, { takes: readonly string[]; good: unknown; ask: (value: string) => Promise<unknown> }> = {
  "a host, as a token": {
    takes: ["access token"],
    good: 200,
    ask: async (value) => (await host.send(`${app}/`, { headers: bearer(value) })).status,
  },
  "another host, as a token": {
    takes: ["access token of another host"],
    good: 200,
    ask: async (value) => (await host.send(`${other}/`, { headers: bearer(value) })).status,
  },
  "a host, as its cookie": {
    takes: ["host cookie"],
    good: 200,
    ask: async (value) => (await host.send(`${app}/`, { headers: { cookie: `__Host-gh_access=${value}` } })).status,
  },
  "the OAuth host, as a session": {
    takes: ["session cookie"],
    good: 200,
    ask: (value) => asked("/account", { headers: { cookie: `__Host-gh_session=${value}` } }),
  },
  "forward authentication": {
    takes: ["access token", "access token of another host"],
    good: 200,
    ask: (value) => asked("/verify", { headers: bearer(value) }),
  },
  "introspection, as whoever asks": {
    takes: ["API token"],
    good: 200,
    ask: (value) => asked("/introspect", { form: { token: "x" }, headers: bearer(value) }),
  },
  "a registration": {
    takes: ["registration token"],
    good: 200,
    ask: (value) => asked(`/register/${client.client_id}`, { headers: bearer(value) }),
  },
  "another's registration": {
    takes: [],
    good: 200,
    ask: (value) => asked(`/register/${confidential.client_id}`, { headers: bearer(value) }),
  },
  "the token endpoint, as a code without its verifier": {
    takes: [],
    good: [200, undefined],
    ask: (code) => token({ grant_type: "authorization_code", code, code_verifier: verifier() }),
  },
  "the token endpoint, for a device": {
    takes: ["code of a device"],
    good: [400, "authorization_pending"],
    ask: (device_code) => token({ grant_type: deviceGrant, device_code }),
  },
  "the token endpoint, as a client's secret": {
    takes: ["client secret"],
    good: [400, "invalid_grant"],
    ask: async (value) => {
      const pair = Buffer.from(`${confidential.client_id}:${value}`).toString("base64")
      const form = { grant_type: "refresh_token", refresh_token: "x" }
      const answer = await send(host.node, "/token", { form, headers: { authorization: `Basic ${pair}` } })
      return [answer.status, answer.json()["error"]]
    },
  },
  "the token endpoint, as a refresh token": {
    takes: ["refresh token"],
    good: [200, undefined],
    ask: (refresh_token) => token({ grant_type: "refresh_token", refresh_token }),
  },
}

describe("a credential of one kind", () => {
  it.each(Object.keys(places))("is nothing where another is asked for: %s", async (place) => {
    const { takes, good, ask } = places[place]!
    for (const [kind, value] of Object.entries(credentials)) {
      const answer = await ask(value)
      if (takes.includes(kind)) expect(answer, `${kind} belongs there`).toEqual(good)
      else {
        expect(answer, `${kind} does not belong there`).not.toEqual(good)
        expect([answer].flat()[0], kind).toSatisfy((status: number) => status >= 300 && status < 500)
      }
    }
  })

  it("is not taken out of a query, wherever it would be good in its place", async () => {
    const { node, alice } = host
    const secret = `client_id=${confidential.client_id}&client_secret=${confidential.client_secret!}`
    const form = { grant_type: "refresh_token", refresh_token: "x" }
    expect(await asked(`/token?${secret}`, { form })).toBe(401)
    expect(await asked(`/introspect?access_token=${alice}`, { form: { token: "x" } })).toBe(401)
    expect(await asked(`/verify?access_token=${credentials["access token"]!}`, {})).toBe(401)
    expect(await asked(`/register/${client.client_id}?access_token=${client.registration_access_token}`, {})).toBe(401)
    expect((await host.send(`${app}/?access_token=${credentials["access token"]!}`)).status).toBe(400)
    const query = new URLSearchParams(authorizePath(client, verifier(), { resource: app }).split("?")[1])
    expect((await send(node, `/authorize?${query.toString()}`, { form: { x: "y" } })).status).toBe(400)
  })
})
