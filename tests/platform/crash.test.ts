import { programEnvironment } from "../support/program-environment.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { mkdtempSync, rmSync } from "node:fs"
import type { EventStore } from "../../src/platform/event-store.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { execFile } from "node:child_process"
import { genesisHash, verifyChain } from "../../src/platform/event-chain.ts"
import { join } from "node:path"
import { recordedLog } from "../support/records.ts"
import { connectedStore } from "../support/connected-store.ts"
import { tmpdir } from "node:os"

const { log } = recordedLog()
let server: RedisServer
let store: EventStore

beforeAll(async () => {
  server = await redisServer()
  store = await connectedStore((name, purpose) => connectRedis(server.url, name, purpose, log))
})
afterAll(async () => {
  await store.close()
  await server.stop()
})

const names = ["a", "b", "c", "d", "e"]

/** How a command comes to the decider: in one step with its decision where that can be, or always through the stream. */
type Way = "at once" | "stream"

/** Runs one node until it ends. @returns what it acknowledged, and the signal that ended it */
function run(url: string, home: string, way: Way, crashAt?: string) {
  const env = {
    ...programEnvironment(),
    REDIS_URL: url,
    HOME_DIR: home,
    WAY: way,
    ...(crashAt && { CRASH_AT: crashAt }),
  }
  const program = join(import.meta.dirname, "log-node.ts")
  return new Promise<{ signal: unknown; code: unknown; acknowledged: string[]; errors: string }>((resolve) => {
    execFile(process.execPath, [program, ...names], { env, timeout: 20_000 }, (error, stdout, errors) =>
      resolve({
        signal: error?.signal ?? null,
        code: error?.code ?? 0,
        acknowledged: stdout.split("\n").filter((line) => line !== ""),
        errors,
      }),
    )
  })
}

const writing = ["command.beforeAppend#3", "command.afterAppend#3", "commit.before#3", "commit.after#3"]
const points = [
  ...writing,
  "decide.afterLease",
  "projection.beforeApply#3",
  "projection.afterApply#3",
  "snapshot.before",
  "snapshot.tempWritten",
  "snapshot.after",
]

describe("a node that is killed", () => {
  const kills = [
    ...points.map((point) => [point, "at once"] as const),
    ...writing.map((point) => [point, "stream"] as const),
  ]
  test.each(kills)("at %s (%s) loses nothing that it acknowledged and does nothing twice", async (point, way) => {
    const home = mkdtempSync(join(tmpdir(), "gatehouse-crash-"))
    await server.command("FLUSHALL")
    const killed = await run(server.url, home, way, point)
    expect(killed).toMatchObject({ signal: "SIGKILL" })
    const again = await run(server.url, home, way)
    expect(again).toMatchObject({ signal: null, code: 0, acknowledged: names })
    const events = await store.read(0, 100)
    expect(verifyChain({ position: 0, hash: genesisHash }, events).position).toBe(names.length)
    expect(events.map(({ id }) => id)).toEqual(names)
    expect(await server.command("XPENDING {gh}:commands decider")).toContain(":0\r\n")
    rmSync(home, { recursive: true, force: true })
  })
})
