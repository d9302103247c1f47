import { CliFailure } from "./failure.ts"

/** Arguments `filter=value` by name. @throws CliFailure usage */
export function filtersOf(options: readonly string[]): Record<string, string> {
  return Object.fromEntries(options.filter((option) => option !== "").map(pair))
}

function pair(text: string): [string, string] {
  const at = text.indexOf("=")
  if (at < 1) throw new CliFailure("usage", `usage: ${text} is not filter=value`)
  return [text.slice(0, at), text.slice(at + 1)]
}
