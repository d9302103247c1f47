import { readFileSync, readdirSync } from "node:fs"

/** Nanoseconds on a CPU by thread id, as the scheduler counts them: interrupts and loopback traffic included. */
export type CpuTimes = ReadonlyMap<number, number>

/** Every process below and including `pid`. What ended meanwhile is left out. */
export function processTree(pid: number): readonly number[] {
  const children = threads(pid).flatMap((thread) => numbers(read(`/proc/${pid}/task/${thread}/children`)))
  return [pid, ...children.flatMap(processTree)]
}

/** CPU times of all threads of these processes and of everything that they started. */
export function cpuTimes(pids: readonly number[]): CpuTimes {
  const tasks = pids.flatMap(processTree).flatMap((pid) => threads(pid).map((thread) => ({ pid, thread })))
  return new Map(
    tasks.map(({ pid, thread }) => [thread, numbers(read(`/proc/${pid}/task/${thread}/schedstat`))[0] ?? 0]),
  )
}

/** Microseconds used between two readings. Threads that ended between them are not counted. */
export function cpuMicroseconds(before: CpuTimes, after: CpuTimes): number {
  let nanoseconds = 0
  for (const [thread, time] of after) nanoseconds += Math.max(0, time - (before.get(thread) ?? 0))
  return nanoseconds / 1000
}

/** Ticks that a CPU was busy and that it was idle since boot. */
export interface CoreTicks {
  readonly busy: number
  readonly idle: number
}

/** Reading of /proc/stat for one CPU (proc_stat(5)). @throws Error when there is no such CPU */
export function coreTicks(core: number): CoreTicks {
  const line = read("/proc/stat")
    .split("\n")
    .find((text) => text.startsWith(`cpu${core} `))
  if (line === undefined) throw new Error(`there is no CPU ${core}`)
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = numbers(line.slice(4))
  return { busy: user + nice + system + irq + softirq + steal, idle: idle + iowait }
}

/** Share of the time between two readings in which the CPU was busy, with whatever. */
export function busyShare(before: CoreTicks, after: CoreTicks): number {
  const busy = after.busy - before.busy
  return busy / Math.max(1, busy + after.idle - before.idle)
}

function threads(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch (error) {
    return absent(error, [])
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    return absent(error, "")
  }
}

/** A process may end while it is looked at: ENOENT, or ESRCH from an open file. */
function absent<T>(error: unknown, empty: T): T {
  const { code } = error as NodeJS.ErrnoException
  if (code === "ENOENT" || code === "ESRCH") return empty
  throw error
}

function numbers(text: string): number[] {
  return text
    .split(/\s+/)
    .filter((item) => item !== "")
    .map(Number)
}
