import { type Load, load } from "./load.ts"
import { busyShare, coreTicks, cpuMicroseconds, cpuTimes } from "./cpu-time.ts"
import type { Options } from "./options.ts"
import type { Subject } from "./subject.ts"

/** One round of one subject, from the moment that all connections stand. */
export interface Round extends Load {
  readonly seconds: number
  /** CPU microseconds of the subject's whole process tree per request. */
  readonly cpu: number
  /** CPU microseconds per request of what stands beside it (Redis). */
  readonly beside: number
  /** Share of the time that the proxy's core was busy, with whatever. */
  readonly busy: number
  /** Share of the time that the subject itself ran. */
  readonly own: number
}

/** A subject's rounds: those that count, and those dropped. */
export interface Measured {
  readonly subject: Subject
  readonly rounds: readonly Round[]
  readonly dropped: readonly Round[]
  /** Answers other than the expected one and broken connections, in the warm-up and in all rounds. */
  readonly wrong: number
}

/** A warm-up is repeated until so many requests were answered, because compilers wait for work and not for time. */
const warmRequests = 40_000
const mostWarmUps = 4

/** A dropped round is run again this many times. */
const repeats = 5

/**
 * Measures all subjects in one interleaved run: first every warm-up, in which each answer is looked at, then the rounds
 * A B C …, B C … A, and so on.
 */
export async function measure(
  subjects: readonly Subject[],
  options: Options,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<readonly Measured[]> {
  const results = subjects.map((subject) => ({ subject, rounds: [] as Round[], dropped: [] as Round[], wrong: 0 }))
  const once = async (result: (typeof results)[number], seconds: number, check: boolean) => {
    const round = await measureRound(result.subject, options.proxyCore, seconds, check, signal)
    result.wrong += round.wrong + round.errors
    return round
  }
  for (const result of results) {
    for (let attempt = 0, answered = 0; attempt < mostWarmUps && answered < warmRequests; attempt++) {
      const round = await once(result, options.warmUpSeconds, true)
      answered += round.requests
      say(`warm-up ${result.subject.id}: ${line(round)}`)
    }
  }
  for (let number = 0; number < options.rounds; number++) {
    const first = number % results.length
    for (const result of [...results.slice(first), ...results.slice(0, first)]) {
      for (let attempt = 0; attempt <= repeats; attempt++) {
        const round = await once(result, options.seconds, false)
        const fault = faultOf(round, options.busy)
        ;(fault === undefined ? result.rounds : result.dropped).push(round)
        say(
          `round ${number + 1} ${result.subject.id}: ${line(round)}${fault === undefined ? "" : ` - dropped: ${fault}`}`,
        )
        if (fault === undefined) break
      }
    }
  }
  return results
}

async function measureRound(
  { endpoint, programs, beside }: Subject,
  core: number,
  seconds: number,
  check: boolean,
  signal: AbortSignal,
): Promise<Round> {
  programs.forEach((program) => program.check())
  const pids = programs.map(({ pid }) => pid)
  const reading = () => ({ cpu: cpuTimes(pids), ticks: coreTicks(core), at: performance.now() })
  let from = reading()
  const besideBefore = (await beside?.()) ?? 0
  const loaded = await load(endpoint, { seconds, check, signal, started: () => (from = reading()) })
  const to = reading()
  const besideAfter = (await beside?.()) ?? 0
  const used = cpuMicroseconds(from.cpu, to.cpu)
  return {
    ...loaded,
    seconds: (to.at - from.at) / 1000,
    cpu: used / loaded.requests,
    beside: (besideAfter - besideBefore) / loaded.requests,
    busy: busyShare(from.ticks, to.ticks),
    own: used / 1000 / (to.at - from.at),
  }
}

/**
 * Why a round does not count: the core had time to spare, so the program was not loaded; or other programs took a part of
 * the core, which costs this one its caches.
 */
function faultOf({ requests, busy, own }: Round, leastBusy: number): string | undefined {
  if (requests === 0) return "nothing was answered"
  if (busy < leastBusy) return "the core was idle at times"
  if (busy - own > 1 - leastBusy) return "other programs used the core"
  return undefined
}

const line = ({ cpu, requests, seconds, busy, own }: Round) =>
  `${requests === 0 ? "–" : cpu.toFixed(1)} µs, ${Math.round(requests / seconds)} requests/s, core ${percent(busy)}, own ${percent(own)}`

const percent = (share: number) => `${Math.round(share * 100)} %`
