import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import type { Config } from "../../src/platform/config.ts"
import type { Home } from "./home.ts"
import { answers, choosePort, lastPort, prepareRedis } from "./own-redis.ts"
import { portProblems } from "./ports.ts"
import { readState, runningProcess, stop } from "./process-record.ts"
import { Refusal } from "./refusal.ts"
import { logFile, stateFile, type Service } from "./supervisor.ts"
import { tail } from "./tail.ts"

/** What this copy is started from. */
export interface Copy {
  readonly home: Home
  /** Variables, the environment over `.env`. */
  readonly env: Readonly<Record<string, string>>
}

const milliseconds = (seconds: string | undefined, fallback: number): number =>
  /^\d+$/.test(seconds ?? "") ? Number(seconds) * 1_000 : fallback

/** How the named service is run. */
export function serviceOf(name: string, home: Home, env: Copy["env"]): Service {
  switch (name) {
    case "redis":
      return { name, command: "redis-server", args: [join(home.run, "redis.conf")], grace: 30_000 }
    case "gatehouse":
      return { name, command: process.execPath, args: ["src/main.ts"], grace: gatehouseGrace(env) }
    default:
      throw new Error(`there is no service ${name}`)
  }
}

const gatehouseGrace = (env: Copy["env"]): number => milliseconds(env["SHUTDOWN_GRACE"], 30_000) + 5_000

/** Is Gatehouse itself being kept running here, or only its Redis, or nothing? */
export function whatRuns(home: Home): "gatehouse" | "redis" | "nothing" {
  if (runningProcess(stateFile(home, "supervisor")) === undefined) return "nothing"
  return readState(stateFile(home, "gatehouse")) === undefined ? "redis" : "gatehouse"
}

/**
 * Starts the own Redis (unless there is an external one) and Gatehouse in the background and waits until Gatehouse is
 * ready. Does nothing but wait when it runs already.
 * @param within milliseconds to become ready
 * @throws Refusal with what is in the way
 */
export async function startGatehouse(copy: Copy, config: Config, within: number): Promise<void> {
  const { home } = copy
  const fresh = whatRuns(home) !== "gatehouse"
  if (fresh) {
    await stopAll(copy)
    if (config.API_PORT === 0) throw new Refusal("API_PORT must be a number above 0: it is how readiness is seen")
    const problems = await portProblems([
      { name: "HTTP_PORT", host: config.SERVER_HOST, port: config.HTTP_PORT },
      { name: "HTTPS_PORT", host: config.SERVER_HOST, port: config.HTTPS_PORT },
      { name: "API_PORT", host: "127.0.0.1", port: config.API_PORT },
    ])
    if (problems.length > 0) throw new Refusal(problems.join("\n"))
    await startOwnRedis(copy, config, ["redis", "gatehouse"])
  }
  await waitFor(copy, "gatehouse", () => isReady(config.API_PORT), within, fresh)
}

/** Starts the own Redis alone. @returns its port @throws Refusal when there is an external one, or it does not start */
export async function startRedis(copy: Copy, config: Config): Promise<number> {
  if (config.REDIS_URL !== undefined) throw new Refusal("REDIS_URL names an external Redis; there is no own one")
  if (whatRuns(copy.home) === "nothing") {
    await stopAll(copy)
    await startOwnRedis(copy, config, ["redis"])
  }
  return lastPort(copy.home)!
}

/** Ends whatever this copy runs, Gatehouse before its Redis. @returns what had been running */
export async function stopAll({ home, env }: Copy): Promise<readonly string[]> {
  const ended: string[] = []
  for (const [name, grace] of [
    ["supervisor", gatehouseGrace(env) + 40_000],
    ["gatehouse", gatehouseGrace(env)],
    ["redis", 30_000],
  ] as const) {
    const process = readState(stateFile(home, name))?.process
    if (process !== undefined && process !== null && (await stop(process, grace)) !== "gone") ended.push(name)
    rmSync(stateFile(home, name), { force: true })
  }
  return ended
}

/** 200 from /health: every projection is there and the listeners are open. */
export const isReady = (apiPort: number): Promise<boolean> => answersWith200(apiPort, "/health", {})

/**
 * Waits until the API accepts the administrator's token: a new one is recorded in the log only after the start.
 * @returns false when it is not accepted within 15 s
 */
export async function administratorIsKnown(config: Config): Promise<boolean> {
  const headers = { authorization: `Bearer ${config.ADMIN_TOKEN}` }
  for (const deadline = performance.now() + 15_000; performance.now() < deadline; await delay(100))
    if (await answersWith200(config.API_PORT, "/api/v1/tokens/info", headers)) return true
  return false
}

async function answersWith200(apiPort: number, path: string, headers: Record<string, string>): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${apiPort}${path}`, { headers, signal: AbortSignal.timeout(2_000) })
    await answer.body?.cancel()
    return answer.status === 200
  } catch (error) {
    // fetch reports a refused connection as TypeError and a missed deadline as TimeoutError: not ready, both.
    if (error instanceof TypeError || (error as Error).name === "TimeoutError") return false
    throw error
  }
}

async function startOwnRedis(copy: Copy, config: Config, services: readonly string[]): Promise<void> {
  const { home, env } = copy
  if (config.REDIS_URL !== undefined) return await startSupervisor(copy, ["gatehouse"], {})
  for (let tries = 1; ; tries++) {
    const port = await choosePort(home, env["REDIS_PORT"])
    prepareRedis(home, port, config.REDIS_PASSWORD!)
    await startSupervisor(copy, services, { REDIS_PORT: String(port) })
    try {
      return await waitFor(copy, "redis", () => answers(port, config.REDIS_PASSWORD!), 120_000, true)
    } catch (error) {
      // Another copy that starts at this moment may have taken the port first: then there is another one.
      const taken = error instanceof Refusal && tail(logFile(home, "redis"), 5).includes("Address already in use")
      if (!taken || env["REDIS_PORT"] !== undefined || tries === 5) throw error
      await stopAll(copy)
    }
  }
}

async function startSupervisor(
  { home }: Copy,
  services: readonly string[],
  extra: Record<string, string>,
): Promise<void> {
  const log = openSync(logFile(home, "supervisor"), "a", 0o600)
  // The kernel gives the lock back when the supervisor ends, however it ends; its children do not hold it.
  const command = [
    "--nonblock",
    "--no-fork",
    join(home.run, "lock"),
    process.execPath,
    "scripts/supervise.ts",
    ...services,
  ]
  const env = { ...process.env, ...extra, GATEHOUSE_HOME: home.root }
  const child = spawn("flock", command, { detached: true, stdio: ["ignore", log, log], env })
  closeSync(log)
  await once(child, "spawn")
  child.unref()
}

/**
 * Polls until the service is ready.
 * @param fresh it was started just now: when it ends by itself, everything is stopped and the reason shown
 */
async function waitFor(
  copy: Copy,
  name: string,
  ready: () => Promise<boolean>,
  within: number,
  fresh: boolean,
): Promise<void> {
  const { home } = copy
  const began = performance.now()
  for (;;) {
    const state = readState(stateFile(home, name))
    if (state !== undefined && state.process !== null && (await ready())) return
    if (fresh && state !== undefined && state.exits > 0) {
      const log = tail(logFile(home, name), 25)
      await stopAll(copy)
      throw new Refusal(`${name} does not start: it ${state.lastExit}\n${log}`)
    }
    const waited = performance.now() - began
    if (waited > 10_000 && runningProcess(stateFile(home, "supervisor")) === undefined)
      throw new Refusal(`the supervisor does not run\n${tail(logFile(home, "supervisor"), 15)}`)
    if (waited > within)
      throw new Refusal(
        `${name} is not ready after ${Math.round(waited / 1_000)} s; it goes on trying (just logs ${name}, just down)\n${tail(logFile(home, name), 25)}`,
      )
    await delay(100)
  }
}
