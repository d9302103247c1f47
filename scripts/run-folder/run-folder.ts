import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { spawn } from "node:child_process"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"

/**
 * Gives this process, and all that it starts from now on, a folder for temporary files of their own. When this process is gone, however
 * it went, everything that it has started and that still runs is killed, and the folder is removed: a program that is cut off
 * leaves nothing behind. Needs /proc; elsewhere only the folder goes.
 * @param parent where the folder is made
 * @returns path of the folder, which is also `TMPDIR` from now on
 */
export function openRunFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, "gatehouse-run-"))
  const sweep = join(import.meta.dirname, "sweep.ts")
  // The pipe ends with this process, and nobody else holds it. Outside its group, ctrl-C does not reach it.
  const watcher = spawn("sh", ["-c", 'cat >/dev/null; exec "$@"', "sh", process.execPath, sweep, folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: process.env["PATH"] },
  })
  watcher.unref()
  ;(watcher.stdin as Socket).unref()
  process.env["TMPDIR"] = folder
  return folder
}
