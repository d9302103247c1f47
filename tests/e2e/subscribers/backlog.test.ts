import { type ChildProcess, spawn } from "node:child_process"
import { type Installation, type Node, installation, startNode } from "../../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../../support/redis-server.ts"
import { RefusedError, follow } from "../../../clients/gatehouse-events/src/index.ts"
import { WebSocket } from "ws"
import { afterAll, beforeAll, expect, test } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { commitAfter, recordedLog } from "../../support/records.ts"
import { connectRedis } from "../../../src/platform/redis.ts"
import { join } from "node:path"
import { once } from "node:events"
import { programEnvironment } from "../../support/program-environment.ts"
import { connectedStore } from "../../support/connected-store.ts"
import { sha256 } from "../../../src/platform/ids.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { tmpdir } from "node:os"
import { until } from "../../support/until.ts"

const backlog = 10_000
const value = (name: string) => `acm_${name.repeat(8)}`
const names = ["alice", "bobby"] as const
let redis: RedisServer
let shared: Installation
let folder: string
const nodes: Node[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-backlog-"))
  redis = await redisServer()
  shared = installation(redis.url)
  await fill()
  nodes.push(await startNode(shared, {}, 60_000), await startNode(shared, {}, 60_000))
}, 120_000)
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
  await redis.stop()
  rmSync(folder, { recursive: true })
})

/** Two tokens, and changes of the one and the other in turn. */
async function fill(): Promise<void> {
  const { log } = recordedLog()
  const store = await connectedStore((name, purpose) => connectRedis(shared.REDIS_URL, name, purpose, log))
  const sketch = (id: string, type: string, data: object, index: number) => {
    const meta = { actor: { name: "ADMIN", admin: true }, command_id: `c${index}`, command: "C", correlation_id: "c" }
    return { kind: "api-token", id, type, data, meta: { ...meta, at: "2026-01-02T03:04:05.000Z", owners: [id] } }
  }
  const made = names.map((name, index) => {
    const token = {
      name,
      hash: sha256(value(name)),
      preview: "acm_…",
      cert_email: null,
      secret_ref: null,
      is_admin: false,
    }
    return sketch(name, "TokenCreated", token, index)
  })
  const changed = Array.from({ length: backlog - names.length }, (_, index) =>
    sketch(names[index % 2]!, "TokenEmailUpdated", { cert_email: `m${index}@example.com` }, index),
  )
  const events = [...made, ...changed]
  for (let at = 0; at < events.length; at += 500)
    expect(await store.commit(commitAfter(await store.head(), events.slice(at, at + 500)))).toEqual({
      status: "committed",
    })
  await store.close()
}

let made = 0
async function change(node: Node): Promise<number> {
  const answer = await node.api("POST", "/api/v1/instances", { name: `i${++made}`, target_url: "http://127.0.0.1:1" })
  expect(answer.status).toBe(201)
  return Number(answer.headers.get("x-event-position"))
}
const url = (node: Node) => `http://127.0.0.1:${node.apiPort}`
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)

/** The example subscriber as a process of its own. */
function subscribe(node: Node): { child: ChildProcess; positions: () => number[] } {
  const example = join(import.meta.dirname, "../../../clients/gatehouse-events/examples/follow.ts")
  const child = spawn(process.execPath, [example], {
    env: {
      ...programEnvironment(),
      GATEHOUSE_URL: url(node),
      GATEHOUSE_TOKEN: shared.ADMIN_TOKEN,
      CHECKPOINT: join(folder, "checkpoint"),
    },
    stdio: ["ignore", "pipe", "inherit"],
  })
  let text = ""
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
  return { child, positions: () => [...text.matchAll(/^(\d+) .*\n/gm)].map((match) => Number(match[1])) }
}

test("A subscriber with ten thousand events to catch up on is killed, then its node: it misses nothing and sees them in order", async () => {
  const first = subscribe(nodes[0]!)
  await until(() => first.positions().length >= 1000, 30_000)
  first.child.kill("SIGKILL")
  await once(first.child, "close")
  const second = subscribe(nodes[0]!)
  await until(() => second.positions().length >= 1000, 30_000)
  await nodes[0]!.kill()
  nodes[0] = await startNode(shared, {}, 60_000)
  second.child.kill("SIGKILL")
  await once(second.child, "close")
  const head = await change(nodes[0])
  const third = subscribe(nodes[1]!)
  await until(() => third.positions().at(-1) === head, 60_000)
  third.child.kill("SIGTERM")
  await once(third.child, "close")
  const runs = [first, second, third].map(({ positions }) => positions())
  for (const run of runs) expect(run).toEqual(from(run[0]!, run.at(-1)!))
  for (const [index, run] of runs.slice(1).entries()) expect(run[0]).toBeLessThanOrEqual(runs[index]!.at(-1)! + 1)
  expect(new Set(runs.flat())).toEqual(new Set(from(1, head)))
}, 180_000)

test("A WebSocket with ten thousand events to catch up on, which stands still for a while, gets each once and in order", async () => {
  const { apiPort } = nodes[1]!
  const socket = new WebSocket(`ws://127.0.0.1:${apiPort}/api/v1/events/stream?from=1`, {
    headers: { authorization: `Bearer ${shared.ADMIN_TOKEN}` },
  })
  const seen: number[] = []
  socket.on("message", (data: Buffer) => {
    const { position } = JSON.parse(data.toString()) as { position?: number }
    if (position !== undefined) seen.push(position)
  })
  await until(() => seen.length >= 1000, 30_000)
  socket.pause()
  await sleep(2000)
  socket.resume()
  const head = await change(nodes[0]!)
  await until(() => seen.at(-1) === head, 60_000)
  expect(seen).toEqual(from(1, head))
  socket.close()
}, 120_000)

test("A slow subscriber of an owner gets the owner's events and no others, once each, over a node that is killed, until its token is revoked", async () => {
  const seen: { position: number; aggregate: string }[] = []
  const interruptions: string[] = []
  const [port, node] = [nodes[1]!.apiPort, nodes[1]!]
  const following = (async () => {
    const interrupted = (reason: unknown) => void interruptions.push(String(reason))
    for await (const event of follow({ url: url(node), token: value("alice"), from: 1, interrupted })) {
      seen.push(event)
      if (seen.length < 200) await sleep(5)
    }
  })()
  following.catch(() => undefined)
  await until(() => seen.length >= 100, 30_000)
  await node.kill()
  nodes[1] = await startNode(shared, { API_PORT: String(port) }, 60_000)
  await until(() => seen.length >= backlog / 2, 60_000)
  expect(new Set(seen.map(({ aggregate }) => aggregate))).toEqual(new Set(["api-token/alice"]))
  expect(seen.map(({ position }) => position)).toEqual([1, ...from(1, backlog / 2 - 1).map((index) => 2 * index + 1)])
  expect(interruptions.length).toBeGreaterThan(0)
  expect((await nodes[0]!.api("DELETE", "/api/v1/tokens/alice")).status).toBe(200)
  await expect(following).rejects.toThrow(RefusedError)
  await expect(following).rejects.toMatchObject({ status: 401 })
  expect(seen.filter(({ aggregate }) => aggregate !== "api-token/alice")).toEqual([])
}, 180_000)
