import type { Measured, Round } from "./rounds.ts"
import type { SubjectId } from "./options.ts"
import type { Agreed } from "./exchange.ts"

/** A subject's numbers over the rounds that count; over the dropped ones, and marked, where none counts. */
export interface Summary {
  readonly disturbed: boolean
  readonly id: SubjectId
  readonly title: string
  readonly agreed: Agreed
  readonly rounds: number
  readonly dropped: number
  readonly wrong: number
  /** CPU microseconds per request of the whole process tree. */
  readonly cpu: { readonly median: number; readonly least: number; readonly most: number }
  readonly requestsPerSecond: number
  /** Share of the proxy's core that the subject used. */
  readonly own: number
  /** CPU microseconds per request of Redis, on the other core; not part of `cpu`. */
  readonly beside: number
  /** Medians of wrk's latency, microseconds. */
  readonly p50: number
  readonly p99: number
}

/** A number to reach: `value` compared with `limit`. */
export interface Target {
  readonly text: string
  readonly value: number
  readonly limit: number
  readonly met: boolean
}

/** Numbers of one subject. NaN where nothing was answered. */
export function summarize({ subject, rounds, dropped, wrong }: Measured, agreed: Agreed): Summary {
  const disturbed = rounds.length === 0
  const used = (disturbed ? dropped : rounds).filter(({ requests }) => requests > 0)
  const of = (pick: (round: Round) => number) => median(used.map(pick))
  const cpus = used.map((round) => round.cpu)
  return {
    ...{
      id: subject.id,
      title: subject.title,
      agreed,
      wrong,
      disturbed,
      rounds: rounds.length,
      dropped: dropped.length,
    },
    cpu: { median: median(cpus), least: Math.min(...cpus), most: Math.max(...cpus) },
    requestsPerSecond: of((round) => round.requests / round.seconds),
    own: of((round) => round.own),
    beside: of((round) => round.beside),
    p50: of((round) => round.p50),
    p99: of((round) => round.p99),
  }
}

function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The targets that follow from these numbers; those whose subjects were not measured are left out. */
export function targets(summaries: readonly Summary[]): readonly Target[] {
  const cost = (id: SubjectId) => summaries.find((summary) => summary.id === id)?.cpu.median ?? Number.NaN
  const [guarded, hello, asked] = [cost("gatehouse"), cost("hello"), cost("nginx-auth-request")]
  const [times, gain] = [guarded / hello, asked / guarded]
  return [
    { text: "authorized, cache hit: µs ÷ bare hello world, at most", value: times, limit: 2.5, met: times <= 2.5 },
    { text: "authorized, cache hit: × nginx + auth_request, at least", value: gain, limit: 1.5, met: gain >= 1.5 },
  ].filter(({ value }) => Number.isFinite(value))
}

/** The report as text: one table of costs, one of ratios, and the targets. */
export function table(summaries: readonly Summary[]): string {
  const ours = summaries.filter(({ id }) => id.startsWith("gatehouse"))
  const costs = summaries.map((summary) => [
    summary.disturbed ? `${summary.title} *` : summary.title,
    fixed(summary.cpu.median, 1),
    `${fixed(summary.cpu.least, 1)}–${fixed(summary.cpu.most, 1)}`,
    fixed(summary.requestsPerSecond, 0),
    `${fixed(summary.own * 100, 0)} %`,
    `${summary.rounds} (${summary.dropped})`,
    ...ours.map((own) => (own === summary ? "–" : fixed(summary.cpu.median / own.cpu.median, 2))),
  ])
  const head = ["subject", "µs/request", "range", "requests/s", "core", "rounds (dropped)"]
  const redis = ours.map(
    ({ title, beside }) => `${title}: Redis, on the other core, used ${fixed(beside, 1)} µs/request more.`,
  )
  const goals = targets(summaries).map(
    ({ text, value, limit, met }) => `${met ? "met   " : "missed"}  ${text} ${limit.toFixed(1)}: ${value.toFixed(2)}`,
  )
  const starred = summaries.some(({ disturbed }) => disturbed)
    ? ["* No round counts: numbers of the dropped ones, worth little."]
    : []
  return [
    ...aligned([[...head, ...ours.map(({ id }) => `${id} ×`)], ...costs]),
    "",
    "A × column is the subject's µs divided by Gatehouse's: above 1, Gatehouse needs less CPU than the subject.",
    ...redis,
    ...starred,
    "",
    ...goals,
  ].join("\n")
}

const fixed = (value: number, digits: number) => (Number.isFinite(value) ? value.toFixed(digits) : "–")

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join(" | ")} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)]
}
