// Kills what belongs to a run that has ended, and removes its folder: node scripts/run-folder/sweep.ts <folder>
import { endAll } from "./processes.ts"
import { execFileSync } from "node:child_process"
import { globSync, readFileSync, readdirSync, rmSync } from "node:fs"

const [folder] = process.argv.slice(2)
if (folder === undefined || !/\/gatehouse-run-\w+$/.test(folder)) throw new Error("not the folder of a run")
process.chdir("/")

/** Runs a program that may fail, as for what is gone already. */
function attempt(program: string, ...args: string[]): void {
  try {
    execFileSync(program, args, { stdio: "ignore" })
  } catch {
    // What is left then is in the way of nobody but this folder.
  }
}

/** Paths that something is mounted at, below the folder; the innermost first. */
function mounts(): string[] {
  const lines = readFileSync("/proc/mounts", "utf8").split("\n")
  return lines
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .toReversed()
}

/** Bridges of networks that the run's container engines know: they outlive their engine. */
function bridges(): string[] {
  const stores = globSync(`${folder}/*/data/network/files/local-kv.db`).map((file) => readFileSync(file))
  return readdirSync("/sys/class/net").filter(
    (name) => name.startsWith("br-") && stores.some((store) => store.includes(name.slice("br-".length))),
  )
}

if (process.platform === "linux") {
  await endAll(folder)
  for (const bridge of bridges()) attempt("ip", "link", "delete", bridge)
  for (const path of mounts()) attempt("umount", "-l", path)
}
rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
