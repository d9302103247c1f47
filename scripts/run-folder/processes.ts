import { readFileSync, readdirSync, readlinkSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

interface Process {
  readonly pid: number
  readonly parent: number
  readonly isOfRun: boolean
}

/** undefined for what has ended meanwhile, and for what this user may not look at. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/**
 * Does it have the folder as its `TMPDIR`, work in it or print into it? redis-server writes over its environment, and that of a daemon may
 * have been cleared.
 */
function isOf(folder: string, pid: string): boolean {
  const environment = attempt(() => readFileSync(`/proc/${pid}/environ`, "latin1").split("\0")) ?? []
  const places = ["cwd", "fd/1", "fd/2"].map((name) => attempt(() => readlinkSync(`/proc/${pid}/${name}`)) ?? "")
  return environment.includes(`TMPDIR=${folder}`) || places.some((place) => `${place}/`.startsWith(`${folder}/`))
}

function processes(folder: string): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      // pid (command) state parent …; the command may contain anything (proc(5)).
      const stat = attempt(() => readFileSync(`/proc/${name}/stat`, "latin1"))
      const [state, parent] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? ["Z"]
      if (state === "Z" || state === "X") return []
      return [{ pid: Number(name), parent: Number(parent), isOfRun: isOf(folder, name) }]
    })
}

/** Processes of a run and all that descends from them: a container knows nothing of the run that it is of. */
function ofRun(folder: string): readonly number[] {
  const all = processes(folder)
  const found = new Set(all.filter(({ isOfRun }) => isOfRun).map(({ pid }) => pid))
  for (let before = -1; before !== found.size;) {
    before = found.size
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid)
  }
  found.delete(process.pid)
  return [...found]
}

const longestMs = 10_000

/** Kills the processes of a run until there are none. */
export async function endAll(folder: string): Promise<void> {
  for (const end = performance.now() + longestMs; performance.now() < end; await sleep(20)) {
    const left = ofRun(folder)
    if (left.length === 0) return
    for (const pid of left) attempt(() => process.kill(pid, "SIGKILL"))
  }
}
