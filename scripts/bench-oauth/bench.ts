// Token issue of Gatehouse and of oidc-provider on the same Redis, in one interleaved run:
//   node scripts/bench-oauth/bench.ts [--rounds N] [--codes N] [--refreshes N] [--in-flight N] [--quick]
import { type Round, type RoundOptions, round } from "./rounds.ts"
import { mkdtempSync, rmSync } from "node:fs"
import type { Issuer } from "./issuer.ts"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { machine } from "../bench/machine.ts"
import { openRunFolder } from "../run-folder/run-folder.ts"
import { parseArgs } from "node:util"
import { peerCertificate } from "../bench/certificate.ts"
import { redisServer } from "../../tests/support/redis-server.ts"
import { startGatehouse } from "./gatehouse.ts"
import { startProvider } from "./provider.ts"
import { table } from "./report.ts"
import { tmpdir } from "node:os"

const whole = (name: string, text: string | undefined, fallback: number) => {
  const value = text === undefined ? fallback : Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1`)
  return value
}

function readOptions() {
  const text = { type: "string" } as const
  const { values } = parseArgs({
    options: {
      rounds: text,
      codes: text,
      refreshes: text,
      "in-flight": text,
      quick: { type: "boolean", default: false },
    },
  })
  return {
    rounds: whole("rounds", values.rounds, values.quick ? 1 : 5),
    codes: whole("codes", values.codes, values.quick ? 40 : 400),
    refreshes: whole("refreshes", values.refreshes, values.quick ? 1 : 3),
    inFlight: whole("in-flight", values["in-flight"], 32),
    quick: values.quick,
  }
}

/** Clients that the codes are spread over: a real server counts its limits for each. */
const clients = 8
const [serverCore, loadCore] = [0, 1]

async function run(options: ReturnType<typeof readOptions>, dir: string): Promise<Map<Issuer, Round[]>> {
  await using running = new AsyncDisposableStack()
  const redis = await redisServer()
  running.defer(() => redis.stop())
  const bench = { dir, proxyCore: serverCore, loadCore, running, ...(await peerCertificate(dir, "auth.localhost")) }
  const cpuOfRedis = async () => {
    const info = await redis.command("INFO cpu")
    const seconds = [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, value]) => Number(value))
    return seconds.reduce((sum, value) => sum + value, 0) * 1e6
  }
  const issuers = [await startGatehouse(bench, redis.url, clients), await startProvider(bench, redis.url, clients)]
  const results = new Map(issuers.map((issuer) => [issuer, [] as Round[]]))
  const warmUps = options.quick ? 1 : 3
  for (let number = 0; number < warmUps + options.rounds; number += 1)
    for (const issuer of number % 2 === 0 ? issuers : issuers.toReversed()) {
      const roundOptions: RoundOptions = { ...options, address: `127.0.0.${10 + number}`, redis: cpuOfRedis }
      const result = await round(issuer, roundOptions)
      const kind = number < warmUps ? "warm-up" : `round ${number - warmUps + 1}`
      const costs = (["code", "refresh"] as const).map(
        (name) => `${name} ${result[name].cpu.toFixed(0)} µs, ${result[name].rate.toFixed(0)}/s`,
      )
      console.error(`${kind} ${issuer.id}: ${costs.join("; ")}`)
      if (number >= warmUps) results.get(issuer)!.push(result)
    }
  return results
}

const options = readOptions()
// What is started from here on inherits this core; the servers are moved to theirs.
execFileSync("taskset", ["-a", "-c", "-p", String(loadCore), String(process.pid)], { stdio: "ignore" })
const dir = mkdtempSync(join(tmpdir(), "gatehouse-bench-oauth-"))
openRunFolder()
const results = await run(options, dir).catch((error: unknown) => {
  throw new Error(`the bench failed; logs are in ${dir}`, { cause: error })
})
rmSync(dir, { recursive: true, force: true })
const where = await machine()
console.log(
  `${where.cores} cores ${where.cpu}, Linux ${where.kernel}, node ${where.versions["node"]}, redis ${where.versions["redis"]}, ${where.date}\n`,
)
console.log(table(results))
