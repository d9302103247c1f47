import { programEnvironment } from "../support/program-environment.ts"
import { type ChildProcess, spawn } from "node:child_process"
import {
  type GatehouseEvent,
  RefusedError,
  follow,
  memoryCheckpoint,
} from "../../clients/gatehouse-events/src/index.ts"
import { type Installation, type Node, installation, startNode } from "../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { once } from "node:events"
import { tmpdir } from "node:os"
import { until } from "../support/until.ts"

const example = join(import.meta.dirname, "../../clients/gatehouse-events/examples/follow.ts")
let redis: RedisServer
let shared: Installation
let nodes: [Node, Node]
let folder: string
const children: ChildProcess[] = []
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-subscriber-"))
  redis = await redisServer()
  shared = installation(redis.url)
  nodes = [await startNode(shared), await startNode(shared)]
}, 60_000)
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL")
  await Promise.all(nodes.map((node) => node.stop()))
  await redis.stop()
  rmSync(folder, { recursive: true })
})

let made = 0
async function change(node: Node): Promise<number> {
  const body = { name: `f${++made}`, target_url: "http://127.0.0.1:1" }
  const answer = await node.api("POST", "/api/v1/instances", body)
  expect(answer.status).toBe(201)
  return Number(answer.headers.get("x-event-position"))
}
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)
const url = (node: Node) => `http://127.0.0.1:${node.apiPort}`

/** The example subscriber as a process of its own. */
function subscribe(node: Node, checkpoint: string): { child: ChildProcess; positions: () => number[] } {
  const env = { ...programEnvironment(), GATEHOUSE_URL: url(node), GATEHOUSE_TOKEN: shared.ADMIN_TOKEN }
  const child = spawn(process.execPath, [example], {
    env: { ...env, CHECKPOINT: checkpoint },
    stdio: ["ignore", "pipe", "inherit"],
  })
  children.push(child)
  let text = ""
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
  const positions = () => [...text.matchAll(/^(\d+) .*\n/gm)].map((match) => Number(match[1]))
  return { child, positions }
}

test("A subscriber that is killed again and again misses nothing and sees positions in order", async () => {
  const checkpoint = join(folder, "killed")
  const runs: number[][] = []
  let head = 0
  for (let round = 0; round < 5; round++) {
    const { child, positions } = subscribe(nodes[round % 2]!, checkpoint)
    const writing = (async () => {
      for (let count = 0; count < 10; count++) head = await change(nodes[(round + count) % 2]!)
    })()
    await until(() => positions().length >= 5, 15_000)
    child.kill("SIGKILL")
    await Promise.all([once(child, "close"), writing])
    runs.push(positions())
  }
  // While nobody listens. The one before may have seen and kept everything.
  head = await change(nodes[1])
  const last = subscribe(nodes[0], checkpoint)
  await until(() => last.positions().at(-1) === head, 15_000)
  last.child.kill("SIGTERM")
  expect((await once(last.child, "close"))[0]).toBe(0)
  runs.push(last.positions())
  for (const run of runs) expect(run).toEqual(from(run[0]!, run.at(-1)!))
  // What was seen and not yet kept comes again; nothing is left out.
  for (const [index, run] of runs.slice(1).entries()) expect(run[0]).toBeLessThanOrEqual(runs[index]!.at(-1)! + 1)
  expect(new Set(runs.flat())).toEqual(new Set(from(1, head)))
}, 90_000)

async function collect(options: Partial<Parameters<typeof follow>[0]>, count: number): Promise<GatehouseEvent[]> {
  const found: GatehouseEvent[] = []
  const stop = new AbortController()
  for await (const event of follow({
    url: url(nodes[0]),
    token: shared.ADMIN_TOKEN,
    signal: stop.signal,
    ...options,
  })) {
    found.push(event)
    if (found.length === count) stop.abort()
  }
  return found
}

test("An event is typed by its type, and filters narrow the stream", async () => {
  await change(nodes[0])
  const [event] = await collect({ from: 1, filter: { type: ["InstanceRegistered"], actor: ["ADMIN"] } }, 1)
  expect(event!.type === "InstanceRegistered" && event!.data.target_url).toBe("http://127.0.0.1:1")
})

test("A position is kept only when the event after it is asked for, and also for what a filter leaves out", async () => {
  const checkpoint = memoryCheckpoint(0)
  const [first] = await collect({ checkpoint }, 1)
  expect([first!.position, await checkpoint.load()]).toEqual([1, 1])
  const events = follow({ url: url(nodes[0]), token: shared.ADMIN_TOKEN, checkpoint })
  expect((await events.next()).value).toMatchObject({ position: 2 })
  expect(await checkpoint.load()).toBe(1)
  await events.return()
  expect(await checkpoint.load()).toBe(1)
  const stop = new AbortController()
  const nothing = follow({
    url: url(nodes[0]),
    token: shared.ADMIN_TOKEN,
    checkpoint,
    signal: stop.signal,
    filter: { type: ["TokenDeleted"] },
  })
  const ended = nothing.next()
  const head = await change(nodes[0])
  let kept: number | undefined
  await until(() => (void checkpoint.load().then((at) => (kept = at)), kept !== undefined && kept >= head), 20_000)
  stop.abort()
  await ended
})

test("A node that goes away is an interruption; the subscriber goes on where it was when it is back", async () => {
  const node = await startNode(shared)
  const interruptions: number[] = []
  const stop = new AbortController()
  const seen: number[] = []
  const begun = await change(nodes[0])
  const following = (async () => {
    const options = { url: url(node), token: shared.ADMIN_TOKEN, from: begun, signal: stop.signal }
    for await (const { position } of follow({ ...options, interrupted: (_, wait) => void interruptions.push(wait) }))
      seen.push(position)
  })()
  await until(() => seen.length > 0)
  await node.kill()
  const last = await change(nodes[0])
  await until(() => interruptions.length > 0)
  const { GATEHOUSE_HOME, HTTP_PORT, HTTPS_PORT, API_PORT } = node.env as Record<string, string>
  const again = await startNode(shared, {
    GATEHOUSE_HOME: GATEHOUSE_HOME!,
    HTTP_PORT: HTTP_PORT!,
    HTTPS_PORT: HTTPS_PORT!,
    API_PORT: API_PORT!,
  })
  await until(() => seen.at(-1) === last, 30_000)
  stop.abort()
  await following
  await again.stop()
  expect(seen).toEqual(from(begun, last))
}, 60_000)

test("A refusal that no repetition changes is thrown", async () => {
  const refused = (options: object) =>
    collect(options, 1).catch((error: unknown) => (error instanceof RefusedError ? error.code : String(error)))
  expect(await refused({ token: "wrong" })).toBe("invalid_token")
  expect(await refused({ filter: { type: ["Nothing"] } })).toBe("validation_failed")
})

test("A checkpoint that holds no position is an error, not a new beginning", async () => {
  const path = join(folder, "damaged")
  writeFileSync(path, "x\n")
  const { child } = subscribe(nodes[0], path)
  expect((await once(child, "close"))[0]).toBe(1)
  expect(readFileSync(path, "utf8")).toBe("x\n")
})
