import { spawn } from "node:child_process"
import { closeSync, copyFileSync, openSync, rmSync, statSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import type { Home } from "./home.ts"
import { identify, readState, stop, writeState } from "./process-record.ts"

/** A program that is kept running. */
export interface Service {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly grace: number
}

/** Milliseconds before the next start after the first, second … early end; the last one repeats. */
const pauses = [500, 1_000, 2_000, 5_000, 10_000, 30_000] as const
/** A run of this length, in milliseconds, counts as good: the pauses begin anew. */
const goodRun = 60_000
const logLimit = 64 * 1024 * 1024

export const stateFile = (home: Home, name: string): string => join(home.run, `${name}.json`)
export const logFile = (home: Home, name: string): string => join(home.log, `${name}.log`)

/**
 * Runs the services, starts again what ends, and when the signal comes ends them in reverse order.
 * Processes that an earlier supervisor left behind are ended first.
 * @param say receives one line for each start and end
 */
export async function supervise(
  services: readonly Service[],
  home: Home,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  for (const { name, grace } of services.toReversed()) {
    const left = readState(stateFile(home, name))?.process
    if (left !== undefined && left !== null && (await stop(left, grace)) !== "gone")
      say(`${name}: ended a left process`)
  }
  // Each service has a signal of its own: what others depend on ends last.
  const running = services.map((service) => {
    const own = new AbortController()
    return { own, done: keepRunning(service, home, own.signal, say) }
  })
  try {
    await Promise.race([aborted(signal), ...running.map(({ done }) => done)])
  } finally {
    for (const { own, done } of running.toReversed()) {
      own.abort()
      await done
    }
  }
}

async function keepRunning(
  service: Service,
  home: Home,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const state = stateFile(home, service.name)
  for (let exits = 0, early = 0, lastExit: string | null = null; !signal.aborted; exits++) {
    const began = performance.now()
    lastExit = await runOnce(service, home, { exits, lastExit }, signal, say)
    if (signal.aborted) break
    early = performance.now() - began > goodRun ? 1 : early + 1
    const pause = pauses[Math.min(early, pauses.length) - 1]!
    say(`${service.name}: ${lastExit}; starting again in ${pause} ms`)
    writeState(state, { process: null, exits: exits + 1, lastExit })
    await Promise.race([delay(pause, undefined, { ref: true }), aborted(signal)])
  }
  rmSync(state, { force: true })
}

/** One run of the program until it ended. @returns how it ended, in words */
async function runOnce(
  service: Service,
  home: Home,
  past: { readonly exits: number; readonly lastExit: string | null },
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<string> {
  const log = logFile(home, service.name)
  rotate(log)
  const output = openSync(log, "a", 0o600)
  const child = spawn(service.command, service.args, { stdio: ["ignore", output, output] })
  closeSync(output)
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(`cannot run ${service.command}: ${error.message}`))
    child.on("exit", (code, by) => resolve(by === null ? `ended with status ${code}` : `was ended by ${by}`))
  })
  const process = child.pid === undefined ? undefined : identify(child.pid)
  if (process === undefined) return ended
  writeState(stateFile(home, service.name), { process, ...past })
  say(`${service.name}: started, pid ${process.pid}`)
  const rotation = setInterval(() => rotate(log), 60_000)
  const over = new AbortController()
  await Promise.race([ended, aborted(signal, over.signal)])
  if (signal.aborted) say(`${service.name}: ${await stop(process, service.grace)}`)
  const how = await ended
  clearInterval(rotation)
  over.abort()
  return how
}

/** Settles when the signal comes, and stops listening for it when it is not awaited any more. */
function aborted(signal: AbortSignal, over?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else
      signal.addEventListener("abort", () => resolve(), { once: true, ...(over === undefined ? {} : { signal: over }) })
  })
}

/** Keeps one old log. The writer appends, so that the file may be cut under it. */
function rotate(log: string): void {
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) < logLimit) return
  copyFileSync(log, `${log}.1`)
  truncateSync(log)
}
