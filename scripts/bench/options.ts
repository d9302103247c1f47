import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"

/** Everything that can be measured, in the order of a round. */
export const subjectIds = ["hello", "nginx", "caddy", "nginx-auth-request", "gatehouse", "gatehouse-open"] as const

/** One of {@link subjectIds}. */
export type SubjectId = (typeof subjectIds)[number]

/** How a run is made. */
export interface Options {
  /** Measured rounds of every subject. */
  readonly rounds: number
  /** Length of a measured round, seconds. */
  readonly seconds: number
  /** Length of each subject's warm-up, seconds. */
  readonly warmUpSeconds: number
  /** Share of the proxy's core that must have been busy for a round to count; others may use the rest of 1. */
  readonly busy: number
  /** CPU of the measured program. */
  readonly proxyCore: number
  /** CPU of load generator, backend, Redis and this program. */
  readonly loadCore: number
  /** Subjects to measure. */
  readonly only: readonly SubjectId[]
  /** File for the results as JSON. */
  readonly json?: string
  /** Folder for a CPU profile of Gatehouse (`--cpu-prof`), written when it stops. */
  readonly profile?: string
}

/** Text of `--help`. */
export const usage = `just bench [options]

  --rounds N        measured rounds of every subject (4)
  --seconds N       length of a round (2)
  --warm-up N       warm-up of every subject, seconds (5)
  --quick           smoke run: one round of one second, warm-up one second
  --only a,b        measure these subjects only: ${subjectIds.join(", ")}
  --busy SHARE      least busy share of the proxy's core for a round to count (0.93); lower it on a busy machine
  --proxy-core N    CPU of the measured program (0)
  --load-core N     CPU of wrk, backend and Redis (1)
  --json FILE       also write the results as JSON
  --profile FOLDER  also write a CPU profile of Gatehouse, which makes its own numbers worse`

/**
 * Reads the command line.
 * @returns undefined when help was asked for
 * @throws Error naming the wrong option
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const text = { type: "string" } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: text,
      seconds: text,
      "warm-up": text,
      quick: { type: "boolean", default: false },
      only: text,
      busy: text,
      "proxy-core": text,
      "load-core": text,
      json: text,
      profile: text,
      help: { type: "boolean", short: "h", default: false },
    },
  })
  if (values.help) return undefined
  const { quick, only, json, profile } = values
  const options = {
    rounds: whole("rounds", values.rounds, quick ? 1 : 4, 1),
    seconds: whole("seconds", values.seconds, quick ? 1 : 2, 1),
    warmUpSeconds: whole("warm-up", values["warm-up"], quick ? 1 : 5, 1),
    busy: share(values.busy ?? "0.93"),
    proxyCore: whole("proxy-core", values["proxy-core"], 0, 0),
    loadCore: whole("load-core", values["load-core"], 1, 0),
    only: only === undefined ? subjectIds : subjectIds.filter((id) => only.split(",").includes(id)),
    ...(json !== undefined && { json }),
    ...(profile !== undefined && { profile }),
  }
  if (availableParallelism() < 2 || options.proxyCore === options.loadCore)
    throw new Error("two cores are needed: one for the proxy, one for load generator and backend")
  if (only?.split(",").some((id) => !subjectIds.includes(id as SubjectId)) === true)
    throw new Error(`--only knows ${subjectIds.join(", ")}`)
  return options
}

function whole(name: string, given: string | undefined, fallback: number, least: number): number {
  const value = given === undefined ? fallback : Number(given)
  if (!Number.isSafeInteger(value) || value < least) throw new Error(`--${name} must be a whole number from ${least}`)
  return value
}

function share(given: string): number {
  const value = Number(given)
  if (!(value >= 0 && value <= 1)) throw new Error("--busy must be between 0 and 1")
  return value
}
