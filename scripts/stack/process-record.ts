import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"

/** One process, so described that another one with the same number is never taken for it. */
export interface ProcessRecord {
  readonly pid: number
  /** Boot of the machine and start of the process, in clock ticks since then. */
  readonly start: string
}

/** Describes a running process; undefined when there is none with this number, or only its remains. */
export function identify(pid: number): ProcessRecord | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`)
  const boot = readIfThere("/proc/sys/kernel/random/boot_id")
  if (stat === undefined) return undefined
  // proc(5): the name, field 2, may itself contain spaces and brackets; field 3 is the state and 22 the start time.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  if (fields[0] === "Z" || fields[0] === "X") return undefined
  return { pid, start: `${boot?.trim() ?? "?"}/${fields[19]}` }
}

/** Is exactly this process still running? */
export const isRunning = (record: ProcessRecord): boolean => identify(record.pid)?.start === record.start

/**
 * Ends a process: SIGTERM, and SIGKILL when it still runs after `grace` milliseconds. Another process that got its
 * number meanwhile is left alone.
 */
export async function stop(record: ProcessRecord, grace: number): Promise<"gone" | "ended" | "killed"> {
  if (!send(record, "SIGTERM")) return "gone"
  if (await ends(record, grace)) return "ended"
  send(record, "SIGKILL")
  await ends(record, 5_000)
  return "killed"
}

async function ends(record: ProcessRecord, within: number): Promise<boolean> {
  const deadline = performance.now() + within
  while (isRunning(record)) {
    if (performance.now() > deadline) return false
    await delay(50)
  }
  return true
}

function send(record: ProcessRecord, signal: NodeJS.Signals): boolean {
  if (!isRunning(record)) return false
  try {
    return process.kill(record.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false
    throw error
  }
}

/** What one run of a program leaves behind for others to read. */
export interface RunState {
  /** Null when the program could not even be started. */
  readonly process: ProcessRecord | null
  /** How often it ended without being told to, since it is being kept running. */
  readonly exits: number
  readonly lastExit: string | null
}

/** The state in a file; undefined when there is none that can be read. */
export function readState(file: string): RunState | undefined {
  const text = readIfThere(file)
  if (text === undefined) return undefined
  try {
    const state = JSON.parse(text) as RunState
    const { process } = state
    return process === null || (Number.isSafeInteger(process.pid) && process.pid > 1) ? state : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

/** Writes a state in one step. */
export function writeState(file: string, state: RunState): void {
  writeFileSync(`${file}.new`, JSON.stringify(state))
  renameSync(`${file}.new`, file)
}

/** The process of a state file, if exactly that one still runs. */
export function runningProcess(file: string): ProcessRecord | undefined {
  const process = readState(file)?.process
  return process !== undefined && process !== null && isRunning(process) ? process : undefined
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT" || code === "ESRCH") return undefined
    throw error
  }
}
