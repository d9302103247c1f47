import { rotateSigningKey } from "../oauth/key-rotation.ts"
import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "../oauth/oauth-node.ts"
import { person } from "../oauth/person.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { all, find } from "../../src/events/world.ts"
import {
  approve,
  authorizePath,
  codeFor,
  redemption,
  refreshing,
  registerClient,
  tokenRequest,
  tokensFor,
  verifier,
} from "../oauth/flow.ts"
import { keepOAuthHygiene, oauthSweep } from "../../src/effects/oauth-hygiene.ts"
import { randomSecret, sha256 } from "../../src/platform/ids.ts"
import { decodeProtectedHeader } from "jose"
import { eventually } from "../support/gatehouse.ts"
import { oauthIndex } from "../../src/platform/oauth-index.ts"
import { randomUUID } from "node:crypto"

let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string

beforeAll(async () => {
  redis = await redisServer()
})

beforeEach(async () => {
  await redis.command("FLUSHALL")
  node = await oauthNode({ redisUrl: redis.url, env: { OAUTH_REFRESH_TOKEN_LIFETIME: "4000" } })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
})

afterEach(async () => {
  await node.stop()
})

afterAll(async () => {
  await redis?.stop()
})

const parts = () => ({
  config: node.config,
  store: node.store,
  bus: node.bus,
  projections: node.projections,
  ttl: node.ttl,
  index: oauthIndex(node.redis),
  log: { debug() {}, info() {}, warning() {}, error() {}, critical() {} },
  now: () => new Date(Date.now() + node.clock.offset),
})
const going = new AbortController().signal
const days = (n: number) => n * 86_400_000
const clients = () => [...all(node.world, "client")].map(({ client_id }) => client_id).sort()
const grants = () => [...all(node.world, "grant")].map(({ grant_id }) => grant_id)

describe("a sweep", () => {
  it("removes what nobody ever used after a day, and what was used after its whole life, with grants and consents", async () => {
    const [unused, used] = [await registerClient(node), await registerClient(node)]
    await tokensFor(node, used, alice, { resource })
    const sweep = oauthSweep(parts())
    expect(await sweep(going)).toEqual({ clients: 0, grants: 0, sessions: 0, keys: 0 })
    node.clock.offset = days(1) + 1000
    expect((await send(node, authorizePath(unused, verifier(), { resource }))).status).toBe(400)
    expect((await sweep(going)).clients).toBe(1)
    expect(clients()).toEqual([used.client_id])
    node.clock.offset = days(90) + 60_000
    expect((await sweep(going)).clients).toBe(1)
    expect([clients(), grants(), [...all(node.world, "consent")]]).toEqual([[], [], []])
  })

  it("leaves a client that is in use: its life moves forward, with at most one event a day", async () => {
    const client = await registerClient(node)
    const first = await tokensFor(node, client, alice, { resource })
    const ends = () => Date.parse(find(node.world, "client", client.client_id)!.expires_at!)
    const before = [ends(), node.world.position] as const
    let { refresh_token } = (await tokenRequest(node, refreshing(client, first.refresh_token))).json<{
      refresh_token: string
    }>()
    expect([ends(), node.world.position]).toEqual(before)
    node.clock.offset = days(2)
    for (const step of [1, 0]) {
      const position = node.world.position
      refresh_token = (await tokenRequest(node, refreshing(client, refresh_token))).json<{ refresh_token: string }>()
        .refresh_token
      expect(node.world.position).toBe(position + step)
    }
    expect(ends()).toBeGreaterThanOrEqual(before[0] + days(2) - 60_000)
    node.clock.offset = days(91)
    expect((await oauthSweep(parts())(going)).clients).toBe(0)
    expect(clients()).toContain(client.client_id)
  })

  it("ends a grant whose tokens are all over, at the second look, and never a live one", async () => {
    const client = await registerClient(node)
    const alive = await tokensFor(node, client, alice, { resource })
    const short = await registerClient(node, { grant_types: ["authorization_code"] })
    const { code, verifier: codeVerifier } = await codeFor(node, short, alice, { resource })
    await tokenRequest(node, redemption(short, code, codeVerifier))
    const abandoned = await registerClient(node)
    await codeFor(node, abandoned, alice, { resource })
    expect(grants()).toHaveLength(3)
    const sweep = oauthSweep(parts())
    const lifetime = node.config.OAUTH_ACCESS_TOKEN_LIFETIME * 1000
    node.clock.offset = lifetime + 901_000
    expect((await sweep(going)).grants).toBe(0)
    node.clock.offset += lifetime + 1000
    expect((await sweep(going)).grants).toBe(2)
    expect(grants()).toHaveLength(1)
    expect((await tokenRequest(node, refreshing(client, alive.refresh_token))).status).toBe(200)
    expect([...all(node.world, "consent")]).toHaveLength(3)
  })

  it("ends nothing at first sight when the store has lost its keys", async () => {
    const client = await registerClient(node)
    await tokensFor(node, client, alice, { resource })
    await redis.command(
      "EVAL \"for _,k in ipairs(redis.call('keys','{gho}:*')) do redis.call('del',k) end return 1\" 0",
    )
    node.clock.offset = days(0.9)
    const sweep = oauthSweep(parts())
    expect((await sweep(going)).grants).toBe(0)
    node.clock.offset += node.config.OAUTH_ACCESS_TOKEN_LIFETIME * 1000
    expect((await sweep(going)).grants).toBe(1)
  })

  it("forgets sessions that would be over anyway, and clients whose owner is gone", async () => {
    const who = person(node)
    const client = await registerClient(node)
    await approve(node, authorizePath(client, verifier(), { resource }), alice, who)
    await who.submit(await who.visit("/logout"), {})
    await apiToken(node, "leaving")
    const id = `mcp_${randomSecret(16)}`
    const metadata = {
      redirect_uris: [],
      response_types: [],
      grant_types: ["client_credentials"],
      token_endpoint_auth_method: "client_secret_basic",
    }
    await node.execute("CreateClient", { client_id: id, metadata, secret_hash: sha256("x"), owner: "leaving" })
    await node.execute("DeleteToken", {
      name: "leaving",
      cascade: true,
      force: true,
      dry_run: false,
      reassign_to: null,
    })
    const sweep = oauthSweep(parts())
    expect(await sweep(going)).toMatchObject({ clients: 1, sessions: 0 })
    expect(clients()).toEqual([client.client_id])
    node.clock.offset = days(7) + 1000
    expect(await sweep(going)).toMatchObject({ sessions: 1 })
    expect([...all(node.world, "browser-session")]).toEqual([])
  })

  it("retires a signing key when its last token has expired, and not before", async () => {
    const client = await registerClient(node)
    const kidOf = (token: string) => decodeProtectedHeader(token).kid
    const old = await tokensFor(node, client, alice, { resource })
    const { kid, activates_at } = await rotateSigningKey(node)
    expect(Date.parse(activates_at) - Date.now()).toBeGreaterThan(590_000)
    const published = async () =>
      (await send(node, "/jwks")).json<{ keys: { kid: string }[] }>().keys.map((key) => key.kid)
    expect(new Set(await published())).toEqual(new Set([kidOf(old.access_token), kid]))
    const before = await tokensFor(node, client, alice, { resource })
    expect(kidOf(before.access_token)).toBe(kidOf(old.access_token))
    const sweep = oauthSweep(parts())
    node.clock.offset = 601_000
    expect((await sweep(going)).keys).toBe(0)
    const after = await tokensFor(node, client, alice, { resource })
    expect(kidOf(after.access_token)).toBe(kid)
    node.clock.offset = 600_000 + node.config.OAUTH_ACCESS_TOKEN_LIFETIME * 1000 + 901_000
    expect((await sweep(going)).keys).toBe(1)
    expect(await published()).toEqual([kid])
    expect((await sweep(going)).keys).toBe(0)
  })
})

describe("the loop", () => {
  it("ends soon, also on a node that has not caught up", async () => {
    const ending = new AbortController()
    const waits: number[] = []
    const behind = async (_position: number, waitMs: number) => {
      waits.push(waitMs)
      ending.abort()
      return false
    }
    const sweep = oauthSweep({ ...parts(), projections: { ...node.projections, reached: behind } })
    expect(await sweep(ending.signal)).toEqual({ clients: 0, grants: 0, sessions: 0, keys: 0 })
    expect(waits).toEqual([1000])
  })

  it("sweeps on one node at a time, and goes on after a failure", async () => {
    await registerClient(node)
    node.clock.offset = days(2)
    const ending = new AbortController()
    let failures = 1
    const index = oauthIndex(node.redis)
    const failing = {
      lines: (...args: Parameters<typeof index.lines>) =>
        failures-- > 0 ? Promise.reject(new Error("away")) : index.lines(...args),
    }
    const runs = [1, 2].map(() =>
      keepOAuthHygiene({
        ...parts(),
        index: failing,
        holder: randomUUID(),
        signal: ending.signal,
        leaseTtlMs: 3000,
        leaseBeatMs: 100,
        everyMs: 50,
      }),
    )
    await eventually("the client is gone", async () => clients().length === 0)
    await eventually("a sweep after the failure", async () => failures < 0)
    ending.abort()
    await Promise.all(runs)
  })
})
