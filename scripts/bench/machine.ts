import { cpus, release } from "node:os"
import { execFile } from "node:child_process"
import { promisify } from "node:util"

/** Where a result comes from: ratios may be compared between machines, absolutes not. */
export interface Machine {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly kernel: string
  readonly versions: Readonly<Record<string, string>>
}

const run = promisify(execFile)

/** This machine and the versions of everything that takes part. */
export async function machine(): Promise<Machine> {
  const [nginx, caddy, wrk, redis] = await Promise.all([
    version("nginx", "-v"),
    version("caddy", "version"),
    version("wrk", "-v"),
    version("redis-server", "--version"),
  ])
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    kernel: release(),
    versions: { node: process.version, nginx, caddy, wrk, redis },
  }
}

/** First number with dots that the program prints about itself. wrk exits with 1 after that. */
async function version(program: string, option: string): Promise<string> {
  const output = await run(program, [option]).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: { stdout?: string; stderr?: string }) => `${error.stdout ?? ""}${error.stderr ?? ""}`,
  )
  return /\d+\.\d+[.\d]*/.exec(output)?.[0] ?? "not installed"
}
