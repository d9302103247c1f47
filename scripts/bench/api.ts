// Measures the admin API against its own store, one request at a time: node scripts/bench/api.ts [--proxies N] [--samples N]
import { Agent, request } from "undici"
import { type Node, installation, startNode } from "../../tests/support/gatehouse.ts"
import { Redis } from "ioredis"
import { machine } from "./machine.ts"
import { openRunFolder } from "../run-folder/run-folder.ts"
import { parseArgs } from "node:util"
import { redisServer } from "../../tests/support/redis-server.ts"
import { writeFileSync } from "node:fs"

const usage = `just bench-api [options]

  --proxies N   proxies that the list has (10000)
  --samples N   times that each is measured, in turn (300; at most 500, what the API allows one address in a minute)
  --json FILE   also write the results as JSON`

/** One thing that is measured: how long it takes, milliseconds, once per sample. */
interface Measured {
  readonly title: string
  readonly times: number[]
  run(sample: number): Promise<unknown>
}

/** The value below which a share of the times lies, milliseconds. */
function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

type Call = (method: string, path: string, body?: unknown) => Promise<unknown>

/**
 * A caller with an address of its own: each may only ask so often in a minute.
 * @param number of the address in 127.1.0.0/16
 */
function caller(node: Node, token: string, number: number): Call {
  const localAddress = `127.1.${number >> 8}.${number & 255}`
  const dispatcher = new Agent({ localAddress })
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  return async (method, path, body) => {
    const url = `http://127.0.0.1:${node.apiPort}/api/v1/${path}`
    // What the caller itself costs is in the times: the cheapest way to ask.
    const answer = await request(url, {
      method: method as "GET",
      headers,
      dispatcher,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`)
    return JSON.parse(text)
  }
}

/** Creates proxies from many addresses. */
async function fill(node: Node, proxies: number): Promise<void> {
  const each = 500
  for (let from = 0; from < proxies; from += each) {
    const call = caller(node, node.adminToken, 100 + from / each)
    const rest = Array.from({ length: Math.min(each, proxies - from) }, (_, index) => from + index)
    const create = async () => {
      for (let number = rest.pop(); number !== undefined; number = rest.pop()) {
        const hostname = `host-${number}.internal`
        await call("POST", "proxy/targets", { hostname, target_url: "http://93.184.216.34", enable_https: false })
      }
    }
    await Promise.all(Array.from({ length: 16 }, create))
    console.error(`${Math.min(from + each, proxies)} proxies`)
  }
}

/** What is measured, in the order of a round. The bare write has the size of an event. @param from first address of its callers */
function subjects(node: Node, redis: Redis, from: number): readonly Measured[] {
  const [write, read, list] = [0, 1, 2].map((more) => caller(node, node.adminToken, from + more)) as [Call, Call, Call]
  const event = "x".repeat(600)
  const subject = (title: string, run: Measured["run"]): Measured => ({ title, times: [], run })
  return [
    subject("bare XADD, fsynced", () => redis.xadd("bench", "*", "event", event)),
    subject("admin write", (sample) =>
      write("PUT", "proxy/targets/measured.internal", { custom_headers: { "X-Sample": String(sample) } }),
    ),
    subject("read of one object", () => read("GET", "proxy/targets/measured.internal")),
    subject("list, page of 100", (sample) => list("GET", `proxy/targets?per_page=100&page=${1 + (sample % 10)}`)),
  ]
}

async function run(proxies: number, samples: number, json: string | undefined): Promise<void> {
  await using running = new AsyncDisposableStack()
  openRunFolder()
  const server = await redisServer()
  running.defer(() => server.stop())
  const node = await startNode(installation(server.url), {}, 60_000)
  running.defer(async () => void (await node.stop()))
  const redis = new Redis(server.url)
  running.defer(() => redis.disconnect())
  await fill(node, proxies)
  const changed = { hostname: "measured.internal", target_url: "http://93.184.216.34", enable_https: false }
  await caller(node, node.adminToken, 4)("POST", "proxy/targets", changed)
  // What has run a few dozen times only is not compiled yet.
  const warmUp = 300
  const cold = subjects(node, redis, 11)
  for (let sample = 0; sample < warmUp; sample++) for (const subject of cold) await subject.run(sample)
  const measured = subjects(node, redis, 1)
  for (let sample = 0; sample < samples; sample++)
    for (const subject of measured) {
      const before = performance.now()
      await subject.run(sample)
      subject.times.push(performance.now() - before)
    }

  const where = await machine()
  const rows = measured.map(({ title, times }) => ({
    title,
    p10: quantile(times, 0.1),
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
  }))
  const ratio = rows[1]!.p50 / rows[0]!.p50
  console.log(
    `${where.cores} cores ${where.cpu}, Linux ${where.kernel}, ${where.date}; ${proxies} proxies, ${samples} samples\n`,
  )
  console.log("| measured | p10 ms | p50 ms | p99 ms |\n|---|---:|---:|---:|")
  for (const { title, p10, p50, p99 } of rows)
    console.log(`| ${title} | ${p10.toFixed(2)} | ${p50.toFixed(2)} | ${p99.toFixed(2)} |`)
  const targets = [
    { text: "admin write, p50 ÷ bare XADD, at most 4", value: ratio, met: ratio <= 4 },
    { text: "list of a page of 100, p50 ms, at most 5", value: rows[3]!.p50, met: rows[3]!.p50 <= 5 },
  ]
  console.log("")
  for (const { text, value, met } of targets) console.log(`${met ? "met   " : "missed"}  ${text}: ${value.toFixed(2)}`)
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ machine: where, rows, targets }, undefined, 2)}\n`)
}

const text = { type: "string" } as const
const { values } = parseArgs({
  options: { proxies: text, samples: text, json: text, help: { type: "boolean", short: "h" } },
})
const [proxies, samples] = [Number(values.proxies ?? 10_000), Number(values.samples ?? 300)]
if (values.help === true) console.log(usage)
else if (
  !(Number.isSafeInteger(proxies) && proxies >= 0 && Number.isSafeInteger(samples) && samples >= 1 && samples <= 500)
) {
  console.error(usage)
  process.exitCode = 2
} else await run(proxies, samples, values.json)
