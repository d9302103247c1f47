import { programEnvironment } from "../support/program-environment.ts"
import { type Node, installation, startNode } from "../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { api } from "../support/gatehouse.ts"
import { execFile } from "node:child_process"
import { join } from "node:path"

interface Keys {
  readonly kid: string
  readonly activates_at: string
  readonly code?: string
  readonly keys: readonly { kid: string; algorithm: string; status: string; retires_at: string | null }[]
}

let redis: RedisServer
let node: Node
let second: Node

beforeAll(async () => {
  redis = await redisServer()
  const shared = installation(redis.url)
  node = await startNode(shared)
  second = await startNode(shared)
})

afterAll(async () => {
  await second?.stop()
  await node?.stop()
  await redis?.stop()
})

const recipe = (on: Node, ...args: string[]) =>
  new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
    const env = { ...programEnvironment(), ...on.env }
    const program = join(import.meta.dirname, "../../src/cli.ts")
    execFile(process.execPath, [program, ...args], { env }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    )
  })

describe("the signing keys", () => {
  it("are for administrators", async () => {
    const owner = await node.api<{ token: string }>("POST", "/api/v1/tokens", {
      name: "owner",
      cert_email: "o@example.com",
    })
    for (const method of ["GET", "POST"]) {
      expect((await api(node.apiPort, undefined, method, "/api/v1/oauth/keys")).status).toBe(401)
      expect((await api(node.apiPort, owner.body.token, method, "/api/v1/oauth/keys")).status).toBe(403)
    }
    expect((await node.api<Keys>("GET", "/api/v1/oauth/keys")).body.keys).toHaveLength(1)
  })

  it("get a new one, once, which is published on every node and waits for ten minutes", async () => {
    const before = Date.now()
    const made = await second.api<Keys>("POST", "/api/v1/oauth/keys", undefined, { "idempotency-key": "rotate-1" })
    expect(made.status).toBe(201)
    expect(made.body.keys.map(({ status }) => status)).toEqual(["waiting", "signing"])
    expect(made.body.keys[0]!.kid).toBe(made.body.kid)
    const ahead = Date.parse(made.body.activates_at) - before
    expect(ahead).toBeGreaterThanOrEqual(600_000)
    expect(ahead).toBeLessThan(620_000)
    await expect.poll(async () => (await node.api<Keys>("GET", "/api/v1/oauth/keys")).body.keys).toEqual(made.body.keys)
    for (const one of [node, second]) {
      const again = await one.api<Keys>("POST", "/api/v1/oauth/keys", undefined, { "idempotency-key": "rotate-1" })
      expect([again.status, again.body.kid]).toEqual([201, made.body.kid])
      const more = await one.api<Keys>("POST", "/api/v1/oauth/keys")
      expect([more.status, more.body.code]).toEqual([409, "invalid_state"])
    }
    expect((await node.api<Keys>("POST", "/api/v1/oauth/keys", { kid: "mine" })).status).not.toBe(201)
    expect(JSON.stringify(made.body)).not.toMatch(/PRIVATE|"d"|key_ref/)
  })

  it("are rotated by a recipe, which tells when it cannot be", async () => {
    const refused = await recipe(node, "oauth-key-rotate")
    expect(refused.code).not.toBe(0)
    expect(refused.err).toContain("invalid_state")
    const fresh = await redisServer()
    const other = await startNode(installation(fresh.url))
    const rotated = await recipe(other, "oauth-key-rotate")
    await other.stop()
    await fresh.stop()
    expect(rotated.code, rotated.err).toBe(0)
    const { kid, keys } = JSON.parse(rotated.out) as Keys
    expect(keys.map((key) => [key.kid === kid, key.status])).toEqual([
      [true, "waiting"],
      [false, "signing"],
    ])
  })
})
