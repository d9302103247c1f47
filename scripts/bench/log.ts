// Measures the log: cold start with and without a snapshot, memory, replay, against reading the raw stream in the same run.
import { mkdtempSync, rmSync } from "node:fs"
import { anyFree } from "../stack/own-redis.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { untilReady } from "../../src/platform/redis-call.ts"
import { fillLog } from "./log-filling.ts"
import { join } from "node:path"
import { logger } from "../../src/platform/log.ts"
import { keys } from "../../src/platform/redis-keys.ts"
import { snapshotName } from "../../src/projections/snapshot.ts"
import { openRunFolder } from "../run-folder/run-folder.ts"
import { parseArgs } from "node:util"
import { once } from "node:events"
import { spawn } from "node:child_process"
import { tmpdir } from "node:os"

/** What one run of `log-reader.ts` found. */
interface Reading {
  readonly milliseconds: number
  /** Of the reading process, milliseconds; the start of Node included. */
  readonly cpu: number
  readonly megabytes: number
  readonly position: number
}

const { values } = parseArgs({
  options: { events: { type: "string", default: "1000000" }, rounds: { type: "string", default: "3" } },
})
const events = Number(values.events)
const rounds = Number(values.rounds)
openRunFolder()
const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-log-"))
const log = logger(
  "ERROR",
  () => new Date(),
  (line) => process.stderr.write(line),
)

const port = await anyFree()
const password = "bench-log-password"
const lines = [
  "--port",
  port,
  "--bind",
  "127.0.0.1",
  "--requirepass",
  password,
  "--dir",
  folder,
  "--appendonly",
  "no",
  "--save",
  "",
]
const server = spawn("redis-server", lines.map(String), { stdio: "ignore" })
const url = `redis://:${password}@127.0.0.1:${port}/0`
const redis = connectRedis(url, "bench", "blocking", log)

/** Runs a reader in a process of its own. @param home folder of its local snapshot */
async function read(what: "raw" | "replay" | "start", home: string): Promise<Reading> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "log-reader.ts"), what, url, home], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  let output = ""
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
  await once(child, "exit")
  return JSON.parse(output) as Reading
}

function median(readings: readonly Reading[]): Reading {
  return readings.toSorted((a, b) => a.milliseconds - b.milliseconds)[Math.floor(readings.length / 2)]!
}

try {
  await untilReady(redis, 30_000)
  const filled = await fillLog(redis, events)
  process.stdout.write(
    `${events} events in ${Math.round(filled.bytes / 1_048_576)} MiB of Redis; written in ${Math.round(filled.milliseconds / 1000)} s\n`,
  )
  const results = new Map<string, Reading[]>()
  const add = (name: string, reading: Reading) => results.set(name, [...(results.get(name) ?? []), reading])
  // The first start leaves a snapshot in the store and on disk; what needs none comes before it.
  for (let round = 0; round < rounds; round += 1) {
    await redis.del(keys.snapshot(snapshotName))
    const home = join(folder, `home-${round}`)
    add("raw stream, client library", await read("raw", home))
    add("replay with chain check", await read("replay", home))
    add("cold start without snapshot", await read("start", home))
    add("cold start, snapshot in the store", await read("start", join(folder, `other-${round}`)))
    add("cold start, local snapshot", await read("start", home))
  }
  const raw = median(results.get("raw stream, client library")!).milliseconds
  const width = Math.max(...[...results.keys()].map((name) => name.length))
  process.stdout.write(
    `| ${"measured".padEnd(width)} | seconds | range | CPU s | events/s | × raw | RSS MiB |\n|${"-".repeat(width + 2)}|---:|---:|---:|---:|---:|---:|\n`,
  )
  for (const [name, readings] of results) {
    const { milliseconds, megabytes, position, cpu } = median(readings)
    const times = readings.map((reading) => reading.milliseconds / 1000)
    const range = `${Math.min(...times).toFixed(2)}–${Math.max(...times).toFixed(2)}`
    process.stdout.write(
      `| ${name.padEnd(width)} | ${(milliseconds / 1000).toFixed(2)} | ${range} | ${(cpu / 1000).toFixed(2)} | ${Math.round(position / (milliseconds / 1000))} | ${(milliseconds / raw).toFixed(2)} | ${megabytes} |\n`,
    )
  }
} finally {
  redis.disconnect()
  server.kill()
  rmSync(folder, { recursive: true, force: true })
}
