import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { all, find } from "../../src/events/world.ts"
import { registerClient, tokensFor } from "./flow.ts"

let redis: RedisServer
let node: OAuthNode
let resource: string

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  resource = await protectedProxy(node, "mcp.test")
})

afterEach(() => {
  node.clock.at = undefined
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const good = { redirect_uris: ["https://client.example/cb"] }

describe("registration", () => {
  it("answers with what was stored: defaults filled in, unknown members dropped", async () => {
    node.clock.at = Date.now()
    const answer = await send(node, "/register", {
      json: {
        ...good,
        client_name: "  A\u0000 \u202eclient ",
        grant_types: ["authorization_code", "refresh_token", "implicit"],
        scope: "mcp:read openid offline_access",
        application_type: "web",
        client_uri: "https://client.example/",
        contacts: ["a@client.example"],
        software_id: "soft",
        software_version: "1",
        unknown_member: { nested: true },
        client_secret: "chosen",
        client_id: "chosen",
      },
    })
    expect(answer.status).toBe(201)
    expect(answer.headers["cache-control"]).toBe("no-store")
    expect(answer.headers["access-control-allow-origin"]).toBe("*")
    const body = answer.json()
    const {
      client_id,
      client_secret,
      registration_access_token,
      client_id_issued_at,
      client_secret_expires_at,
      registration_client_uri,
      ...metadata
    } = body
    expect(client_id).toMatch(/^mcp_[A-Za-z0-9_-]{22}$/)
    expect(client_secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(registration_access_token).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(registration_client_uri).toBe(`${node.issuer}/register/${String(client_id)}`)
    expect(client_id_issued_at).toBe(Math.floor(node.clock.at / 1000))
    expect((client_secret_expires_at as number) - (client_id_issued_at as number)).toBe(7_776_000)
    expect(metadata).toEqual({
      ...good,
      client_name: "A client",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_basic",
      scope: "mcp:read offline_access",
      application_type: "web",
      client_uri: "https://client.example/",
      contacts: ["a@client.example"],
      software_id: "soft",
      software_version: "1",
    })
    expect(node.logLines.find((line) => line.includes("oauth_client_registered"))).toContain('"ip":"127.0.0.1"')
    const stored = JSON.stringify(find(node.world, "client", client_id as string))
    expect(stored).not.toContain(client_secret)
    expect(stored).not.toContain(registration_access_token)
  })

  it("tells the times that a later read shows too, whatever passed until the log had it", async () => {
    let looks = 0
    Object.defineProperty(node.clock, "at", { configurable: true, get: () => Date.now() + (looks += 1) * 1000 })
    const made = (await send(node, "/register", { json: good })).json<Record<string, string>>()
    Object.defineProperty(node.clock, "at", { configurable: true, writable: true, value: undefined })
    const { client_secret: _, registration_access_token: token, client_id } = made
    const read = await send(node, `/register/${client_id}`, { headers: { authorization: `Bearer ${token}` } })
    expect({ ...read.json(), client_secret: made["client_secret"] }).toEqual(made)
  })

  it("gives a public client no secret", async () => {
    const answer = await send(node, "/register", { json: { ...good, token_endpoint_auth_method: "none" } })
    expect(answer.json()).not.toHaveProperty("client_secret")
    expect(answer.json()).not.toHaveProperty("client_secret_expires_at")
    expect(answer.json()["grant_types"]).toEqual(["authorization_code"])
  })

  it("takes no scope as no limit", async () => {
    expect((await send(node, "/register", { json: { ...good, scope: "openid" } })).json()).not.toHaveProperty("scope")
  })

  it.each([
    ["no redirect URI", { redirect_uris: undefined }, "invalid_redirect_uri"],
    ["an empty list", { redirect_uris: [] }, "invalid_redirect_uri"],
    ["a text in place of a list", { redirect_uris: "https://client.example/cb" }, "invalid_redirect_uri"],
    ["a script", { redirect_uris: ["javascript:alert(1)"] }, "invalid_redirect_uri"],
    [
      "a good and a bad URI",
      { redirect_uris: ["https://client.example/cb", "http://client.example/cb"] },
      "invalid_redirect_uri",
    ],
    [
      "a loopback URI of a web client",
      { redirect_uris: ["http://127.0.0.1/cb"], application_type: "web" },
      "invalid_redirect_uri",
    ],
    [
      "too many URIs",
      { redirect_uris: Array.from({ length: 11 }, (_, i) => `https://client.example/${i}`) },
      "invalid_redirect_uri",
    ],
    ["an implicit client", { grant_types: ["implicit"] }, "invalid_client_metadata"],
    ["another response type", { response_types: ["token"] }, "invalid_client_metadata"],
    ["another authentication method", { token_endpoint_auth_method: "private_key_jwt" }, "invalid_client_metadata"],
    [
      "keys in clear",
      { token_endpoint_auth_method: "private_key_jwt", jwks_uri: "http://client.example/keys" },
      "invalid_client_metadata",
    ],
    ["a name without end", { client_name: "x".repeat(101) }, "invalid_client_metadata"],
    ["a name that is no text", { client_name: { en: "x" } }, "invalid_client_metadata"],
    ["a script as home page", { client_uri: "javascript:alert(1)" }, "invalid_client_metadata"],
    ["quotes in scopes", { scope: 'mcp:read "x"' }, "invalid_client_metadata"],
  ])("refuses %s", async (_what, metadata, error) => {
    const answer = await send(node, "/register", { json: { ...good, ...metadata } })
    expect([answer.status, answer.json()["error"]]).toEqual([400, error])
  })

  it("refuses what is no JSON object", async () => {
    const post = (body: string, type: string) => send(node, "/register", { body, headers: { "content-type": type } })
    expect((await post("a=b", "application/x-www-form-urlencoded")).status).toBe(415)
    expect((await post("[]", "application/json")).json()["error"]).toBe("invalid_client_metadata")
    expect((await post("{", "application/json")).json()["error"]).toBe("invalid_client_metadata")
    expect((await post(JSON.stringify({ ...good, x: "y".repeat(70_000) }), "application/json")).status).toBe(413)
  })

  it("is limited by address", async () => {
    const key =
      "EVAL \"for _,k in ipairs(redis.call('keys','{gho}:rate:*')) do redis.call('set',k,300,'px',60000) end return 1\" 0"
    await redis.command(key)
    const answer = await send(node, "/register", { json: good })
    expect([answer.status, answer.json()["error"]]).toEqual([429, "temporarily_unavailable"])
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0)
    await redis.command(key.replace("'set',k,300,'px',60000", "'del',k"))
  })
})

describe("the client's own registration", () => {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

  it("can be read and replaced with its token", async () => {
    const client = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
    const path = `/register/${client.client_id}`
    const headers = bearer(client.registration_access_token)
    const read = await send(node, path, { headers })
    expect(read.status).toBe(200)
    expect(read.json()).toMatchObject({
      client_id: client.client_id,
      registration_access_token: client.registration_access_token,
    })
    expect(read.json()).not.toHaveProperty("client_secret")
    const put = (json: object) => send(node, path, { method: "PUT", json, headers })
    const replacement = { client_id: client.client_id, redirect_uris: ["https://new.example/cb"] }
    const replaced = await put({ ...replacement, client_secret: client.client_secret })
    expect(replaced.status).toBe(200)
    expect(replaced.json()).toMatchObject({ redirect_uris: ["https://new.example/cb"] })
    expect(replaced.json()).not.toHaveProperty("client_name")
    for (const wrong of [
      { redirect_uris: replacement.redirect_uris },
      { ...replacement, client_id: "mcp_other_other" },
      { ...replacement, client_secret: "chosen" },
      { ...replacement, client_secret_expires_at: 0 },
      { ...replacement, token_endpoint_auth_method: "none" },
    ])
      expect([(await put(wrong)).status, (await put(wrong)).json()["error"]]).toEqual([400, "invalid_client_metadata"])
    const open = await registerClient(node)
    const proven = { token_endpoint_auth_method: "private_key_jwt", jwks_uri: "https://client.example/keys" }
    const changed = await send(node, `/register/${open.client_id}`, {
      method: "PUT",
      json: { ...replacement, client_id: open.client_id, ...proven },
      headers: bearer(open.registration_access_token),
    })
    expect([changed.status, changed.json()["error"]], "public to confidential").toEqual([
      400,
      "invalid_client_metadata",
    ])
  })

  it("ends with its grants, and cannot be told from one that never was", async () => {
    const alice = await apiToken(node, "alice")
    const client = await registerClient(node)
    await tokensFor(node, client, alice, { resource })
    const path = `/register/${client.client_id}`
    const other = await registerClient(node)
    const refusals = [
      await send(node, path),
      await send(node, path, { headers: bearer(other.registration_access_token) }),
      await send(node, "/register/mcp_unknown_unknown", { headers: bearer(other.registration_access_token) }),
      await send(node, path, { method: "DELETE", headers: bearer("x") }),
      await send(node, path, { method: "PUT", json: {}, headers: bearer("x") }),
    ]
    expect(refusals.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401])
    expect(refusals[1]!.text).toBe(refusals[2]!.text)
    const deleted = await send(node, path, { method: "DELETE", headers: bearer(client.registration_access_token) })
    expect([deleted.status, deleted.text]).toEqual([204, ""])
    expect([...all(node.world, "grant")].filter((grant) => grant.client_id === client.client_id)).toEqual([])
    expect((await send(node, path, { headers: bearer(client.registration_access_token) })).status).toBe(401)
  })
})

describe("registration that is not for everybody", () => {
  const withEnv = async (env: Record<string, string>, check: (closed: OAuthNode) => Promise<void>) => {
    const other = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false, env })
    try {
      await check(other)
    } finally {
      await other.stop()
    }
  }
  const advertised = async (at: OAuthNode) =>
    "registration_endpoint" in (await send(at, "/.well-known/oauth-authorization-server")).json()

  it("can be closed, and is not advertised then; what is registered can still be managed", async () => {
    const client = await registerClient(node)
    await withEnv({ OAUTH_REGISTRATION: "false" }, async (closed) => {
      const answer = await send(closed, "/register", { json: good })
      expect([answer.status, answer.json()["error"], await advertised(closed)]).toEqual([403, "access_denied", false])
      const headers = { authorization: `Bearer ${client.registration_access_token}` }
      expect((await send(closed, `/register/${client.client_id}`, { headers })).status).toBe(200)
    })
    expect(await advertised(node)).toBe(true)
  })

  it("can need an initial access token", async () => {
    await withEnv({ OAUTH_INITIAL_ACCESS_TOKEN: "the initial access token".replaceAll(" ", "-") }, async (guarded) => {
      const status = async (authorization?: string) => {
        const answer = await send(guarded, "/register", {
          json: good,
          headers: authorization === undefined ? {} : { authorization },
        })
        return [answer.status, answer.headers["www-authenticate"]]
      }
      expect(await status()).toEqual([401, "Bearer"])
      expect(await status("Bearer the-initial-access-tokeN")).toEqual([401, 'Bearer error="invalid_token"'])
      expect(await status("Bearer the-initial-access-token")).toEqual([201, undefined])
    })
  })

  it("ends where there are too many", async () => {
    await withEnv({ OAUTH_MAX_CLIENTS: "1" }, async (full) => {
      const answer = await send(full, "/register", { json: good })
      expect([answer.status, answer.json()["error"], answer.headers["retry-after"]]).toEqual([
        503,
        "temporarily_unavailable",
        "3600",
      ])
    })
  })

  it("takes a client that has no redirects only with the device grant", async () => {
    const device = "urn:ietf:params:oauth:grant-type:device_code"
    const answer = await send(node, "/register", {
      json: { grant_types: [device], redirect_uris: ["https://client.example/cb"] },
    })
    expect(answer.json()).toMatchObject({ grant_types: [device], redirect_uris: [], response_types: [] })
    const machine = { ...good, grant_types: ["client_credentials"] }
    expect((await send(node, "/register", { json: machine })).json()["error"]).toBe("invalid_client_metadata")
  })
})
