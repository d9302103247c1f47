import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import { dirname, delimiter } from "node:path"
import type { Config } from "../../src/platform/config.ts"
import { compose, runsInCompose } from "./compose.ts"
import type { Copy } from "./native.ts"
import { lastPort } from "./own-redis.ts"
import { Misuse } from "./refusal.ts"
import { logFile } from "./supervisor.ts"

/** Shows the end of a service's log, and may follow it: gatehouse (also called proxy), redis or supervisor. */
export async function showLogs(copy: Copy, service: string | undefined, follow: boolean): Promise<void> {
  if (runsInCompose(copy.home))
    return compose(copy, [
      "logs",
      ...(follow ? ["--follow"] : []),
      "--tail",
      "100",
      ...(service === undefined ? [] : [service]),
    ])
  const name = service === undefined || service === "proxy" ? "gatehouse" : service
  if (!["gatehouse", "redis", "supervisor"].includes(name))
    throw new Misuse(`there is no service ${name}; there are gatehouse, redis and supervisor`)
  const file = logFile(copy.home, name)
  closeSync(openSync(file, "a", 0o600))
  await attached("tail", ["-n", "100", ...(follow ? ["-F"] : []), file], {})
}

/** A shell where Gatehouse runs: in its container, or here with its Node.js and its variables without the secrets. */
export async function openShell(copy: Copy): Promise<void> {
  if (runsInCompose(copy.home)) return compose(copy, ["exec", "proxy", "sh"])
  await attached(process.env["SHELL"] ?? "sh", [], {
    PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
    GATEHOUSE_HOME: copy.home.root,
  })
}

/** redis-cli, signed in to the Redis of this copy. The password goes by the environment, never by the command line. */
export async function redisClient(copy: Copy, config: Config, args: readonly string[]): Promise<void> {
  const url = new URL(config.redisUrl)
  const own = config.REDIS_URL === undefined
  const port = own ? (lastPort(copy.home) ?? config.REDIS_PORT) : Number(url.port || 6379)
  const where = ["-h", own ? "127.0.0.1" : url.hostname, "-p", String(port), "-n", url.pathname.slice(1) || "0"]
  if (url.username !== "") where.push("--user", decodeURIComponent(url.username))
  if (url.protocol === "rediss:") where.push("--tls")
  await attached("redis-cli", [...where, ...args], { REDISCLI_AUTH: decodeURIComponent(url.password) })
}

/** Opens the web UI in the browser of this desktop, and prints its address for those without one. */
export async function openWebUi({ env }: Copy): Promise<void> {
  const url = `http://localhost:${env["API_PORT"] ?? "9000"}/`
  console.log(url)
  if (process.env["DISPLAY"] !== undefined || process.env["WAYLAND_DISPLAY"] !== undefined)
    await attached("xdg-open", [url], {})
}

/** Runs a program on this terminal until it ends; its status becomes ours. */
export async function attached(command: string, args: readonly string[], extra: Record<string, string>): Promise<void> {
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...extra } })
  // Ctrl-C reaches the child from the terminal; we only wait for it.
  const ignore = () => undefined
  process.on("SIGINT", ignore)
  const onTerm = () => void child.kill("SIGTERM")
  process.on("SIGTERM", onTerm)
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null]
    process.exitCode = signal === "SIGINT" || signal === "SIGTERM" ? 0 : (code ?? 1)
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", onTerm)
  }
}
