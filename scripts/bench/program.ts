import { closeSync, openSync, readFileSync } from "node:fs"
import { processTree } from "./cpu-time.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { spawn } from "node:child_process"

/** What a started program needs. */
export interface ProgramOptions {
  /** CPU that it and its children are pinned to. */
  readonly core: number
  /** File for both of its outputs. */
  readonly log: string
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>
}

/** A program that runs until it is stopped. */
export interface Program {
  readonly pid: number
  /** @throws Error with the end of its output when it ended by itself */
  check(): void
  /** SIGTERM, and SIGKILL for what is left of its process tree after five seconds. */
  stop(): Promise<void>
}

/** Starts a program pinned to one CPU. `taskset` replaces itself by the program, so the pid is the program's. */
export function startProgram(command: string, args: readonly string[], options: ProgramOptions): Program {
  const log = openSync(options.log, "a")
  const child = spawn("taskset", ["-c", String(options.core), command, ...args], {
    stdio: ["ignore", log, log],
    env: { ...process.env, ...options.env },
  })
  closeSync(log)
  let failure: Error | undefined
  child.on("error", (error) => (failure = error))
  const ended = () => failure !== undefined || child.exitCode !== null || child.signalCode !== null

  const check = () => {
    if (!ended()) return
    const tail = readFileSync(options.log, "utf8").slice(-2000)
    throw new Error(`${command} ended (${failure?.message ?? child.exitCode ?? child.signalCode}):\n${tail}`)
  }

  const stop = async () => {
    if (ended()) return
    const tree = processTree(child.pid!)
    child.kill("SIGTERM")
    const deadline = performance.now() + 5000
    while (!ended() && performance.now() < deadline) await sleep(20)
    if (!ended()) tree.forEach(kill)
  }

  return { pid: child.pid ?? 0, check, stop }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}
