import type { Cost, Round } from "./rounds.ts"
import type { Issuer } from "./issuer.ts"

const median = (values: readonly number[]) => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1 < 0 ? 0 : Math.ceil(middle) - 1]!) / 2
}

/** Table with a line for each issuer and kind of request: medians over the rounds, and how often Gatehouse fits into the other. */
export function table(results: ReadonlyMap<Issuer, readonly Round[]>): string {
  const own = [...results].find(([{ id }]) => id === "gatehouse")?.[1] ?? []
  const lines = (["code", "refresh"] as const).flatMap((kind) =>
    [...results].map(([issuer, rounds]) => {
      const of = (member: keyof Cost, all: readonly Round[] = rounds) => median(all.map((one) => one[kind][member]))
      const cpu = rounds.map((one) => one[kind].cpu)
      const range = `${Math.min(...cpu).toFixed(0)}–${Math.max(...cpu).toFixed(0)}`
      const ratios =
        issuer.id === "gatehouse"
          ? ["–", "–"]
          : [(of("cpu") / of("cpu", own)).toFixed(2), (of("rate", own) / of("rate")).toFixed(2)]
      const name = kind === "code" ? "authorization code" : "refresh"
      return [
        name,
        issuer.title,
        of("cpu").toFixed(0),
        range,
        of("rate").toFixed(0),
        of("beside").toFixed(0),
        ...ratios,
      ]
    }),
  )
  const head = ["request", "server", "CPU µs", "range", "a second", "Redis µs", "CPU ×", "rate ×"]
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
}
