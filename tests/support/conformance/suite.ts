import { programEnvironment } from "../program-environment.ts"
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { once } from "node:events"
import { spawn } from "node:child_process"
import { tmpdir } from "node:os"

type Status = "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO"

/** One check of a scenario; several may bear the same id. */
export interface Check {
  readonly id: string
  readonly name?: string
  readonly status: Status
  readonly errorMessage?: string
}

/** Checks of every scenario that was run, by its name, in the order of the run. */
export type SuiteResult = ReadonlyMap<string, readonly Check[]>

const program = join(import.meta.dirname, "../../../node_modules/@modelcontextprotocol/conformance/dist/index.js")

/** A run of the official suite: its output as it comes, its results at the end. */
export interface SuiteRun {
  /** Resolves with the first match in what it prints. @throws Error when it ends without */
  readonly printed: (pattern: RegExp) => Promise<string>
  readonly result: Promise<SuiteResult>
}

/** Starts the suite. @param args without `-o` @param env additions to the environment */
export function startSuite(args: readonly string[], env: Record<string, string> = {}): SuiteRun {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-conformance-"))
  const child = spawn(process.execPath, [program, ...args, "-o", folder], {
    env: { ...programEnvironment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let output = ""
  const listeners = new Set<() => void>()
  const hear = (chunk: Buffer) => {
    output += chunk.toString()
    listeners.forEach((listener) => listener())
  }
  child.stdout.on("data", hear)
  child.stderr.on("data", hear)
  const ended = once(child, "close")
  return {
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(output)
          if (found !== null) resolve(found[0])
        }
        listeners.add(look)
        look()
        void ended.then(() => reject(new Error(`the suite ended without ${String(pattern)}:\n${output}`)))
      }),
    result: ended.then(() => {
      const result = new Map<string, readonly Check[]>()
      for (const name of readdirSync(folder).toSorted((a, b) => (stamp(a) < stamp(b) ? -1 : 1))) {
        const scenario = name.replace(/^(authorization-)?server-/, "").replace(timestamp, "")
        result.set(scenario, JSON.parse(readFileSync(join(folder, name, "checks.json"), "utf8")) as Check[])
      }
      rmSync(folder, { recursive: true, force: true })
      if (result.size === 0) throw new Error(`the suite gave no result:\n${output}`)
      return result
    }),
  }
}

const timestamp = /-\d{4}-\d\d-\d\dT[\d-]+Z$/
const stamp = (name: string) => timestamp.exec(name)?.[0] ?? ""

/** Passed and failed checks of a scenario. */
export function tally(checks: readonly Check[] = []): { passed: number; failed: number } {
  const count = (status: Status) => checks.filter((check) => check.status === status).length
  return { passed: count("SUCCESS"), failed: count("FAILURE") }
}

/** Table with a line for each scenario: its checks direct and through Gatehouse. */
export function comparison(direct: SuiteResult, through: SuiteResult): string {
  const cell = (checks: readonly Check[] | undefined) => {
    const { passed, failed } = tally(checks)
    return failed === 0 ? `${passed} passed` : `${passed} passed, ${failed} failed`
  }
  const sum = (result: SuiteResult) => cell([...result.values()].flat())
  const rows = [
    ["scenario", "direct", "through Gatehouse"],
    ...[...direct.keys()].map((scenario) => [scenario, cell(direct.get(scenario)), cell(through.get(scenario))]),
    ["total", sum(direct), sum(through)],
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) => `| ${row.map((text, column) => text.padEnd(widths[column]!)).join(" | ")} |`
  return [line(rows[0]!), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)].join("\n")
}
