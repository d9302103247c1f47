import { type LogNodes, createProxy, logNodes } from "../support/log-nodes.ts"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { entriesOf, rewriteLog, withField } from "../support/log-rewrite.ts"
import { Redis } from "ioredis"
import type { Node } from "../support/gatehouse.ts"
import { chain, genesisHash } from "../../src/platform/event-chain.ts"
import { checkpointKey, checkpointSeed } from "../../src/platform/checkpoint-key.ts"
import { eventRecord } from "../../src/platform/redis-tail.ts"
import { eventually } from "../support/gatehouse.ts"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

let nodes: LogNodes
let node: Node
beforeEach(async () => {
  nodes = await logNodes()
  node = await nodes.node()
})
afterEach(() => nodes.stop())

interface Found {
  ok: boolean
  checkpoints: number
  signed: number
  problem: { position: number; code: string; detail: string } | null
}
const verified = async () => (await node.api<Found>("GET", "/api/v1/log/verify")).body
const sign = async () => {
  const { status, body } = await node.api<{ position: number }>("POST", "/api/v1/log/checkpoint")
  expect(status).toBe(201)
  const file = join(node.home, "checkpoints.ndjson")
  await eventually(
    "it is kept apart",
    async () => existsSync(file) && readFileSync(file, "utf8").includes(`"position":${body.position},`),
  )
  return body.position
}

/** As somebody would who has Redis in hand, and knows how the chain is made. */
async function forge(edit: (entries: [string, string[]][]) => [string, string[]][]): Promise<void> {
  await rewriteLog(nodes.redis.url, (entries) => {
    let hash = genesisHash
    return edit(entries).map(([, fields], index): [string, string[]] => {
      const event = eventRecord([`${index + 1}-0`, fields])
      hash = chain(hash, event)
      const next = hash
      return [`${index + 1}-0`, withField(fields, "hash", () => next)]
    })
  })
  const redis = new Redis(nodes.redis.url)
  const [id, fields] = (await entriesOf(redis, "{gh}:events")).at(-1)!
  await redis.hset("{gh}:head", "seq", id.split("-")[0]!, "hash", eventRecord([id, fields]).hash)
  redis.disconnect()
}

describe("signed checkpoints", () => {
  it("agree with a log that nobody touched; the public key is shown", async () => {
    await createProxy(node, "a")
    const signed = await sign()
    expect(await verified()).toMatchObject({ ok: true, checkpoints: 1, signed })
    const stats = await node.api<{ checkpoint_public_key: string; checkpoint: object }>("GET", "/api/v1/log/stats")
    const own = checkpointKey(checkpointSeed(Buffer.from(nodes.shared.MASTER_KEY, "base64")))
    expect(stats.body).toMatchObject({ checkpoint_public_key: own.publicKey, checkpoint: { position: signed } })
  })

  it("show a log that was rewritten with its chain", async () => {
    await createProxy(node, "a")
    const signed = await sign()
    await forge((entries) =>
      entries.map(([id, fields]) => [
        id,
        withField(fields, "data", (data) => data.replaceAll("127.0.0.1:8080", "127.0.0.1:6666")),
      ]),
    )
    expect((await verified()).problem).toMatchObject({ code: "checkpoint_hash", position: signed })
  })

  it("show it also when they were taken out of the log, because the node has kept them", async () => {
    await createProxy(node, "a")
    const signed = await sign()
    await createProxy(node, "b")
    await forge((entries) =>
      entries.filter(([, fields]) => !fields.includes("CheckpointSigned") && !fields.join().includes("a.test")),
    )
    const { problem } = await verified()
    expect(problem!.code).toBe("checkpoint_hash")
    expect(problem!.position).toBeLessThanOrEqual(signed)
  })

  it("are worth nothing when another key has signed them", async () => {
    await createProxy(node, "a")
    await sign()
    const foreign = checkpointKey(Buffer.alloc(32, 7))
    let position = 0
    await forge((entries) =>
      entries.map(([id, fields]) => {
        if (!fields.includes("CheckpointSigned")) return [id, fields]
        position = Number(id.split("-")[0])
        const forged = (data: string) =>
          JSON.stringify(
            foreign.sign({
              ...(JSON.parse(data) as { position: number; hash: string }),
              signed_at: "2026-01-01T00:00:00.000Z",
            }),
          )
        return [id, withField(fields, "data", forged)]
      }),
    )
    expect((await verified()).problem).toMatchObject({ code: "checkpoint_signature", position })
  })

  it("are signed by themselves after so many events, by one of two nodes", async () => {
    await node.stop()
    const env = { CHECKPOINT_EVERY: "4" }
    node = await nodes.node(env)
    await nodes.node(env)
    for (const name of ["a", "b", "c", "d"]) await createProxy(node, name)
    const body = await eventually(
      "a checkpoint",
      async () => {
        const { checkpoint } = (await node.api<{ checkpoint: { position: number } | null }>("GET", "/api/v1/log/stats"))
          .body
        return checkpoint !== null && checkpoint
      },
      20_000,
    )
    expect(body.position).toBeGreaterThan(0)
    expect(await verified()).toMatchObject({ ok: true, signed: expect.any(Number) })
  }, 90_000)
})
