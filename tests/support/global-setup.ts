import { openRunFolder } from "../../scripts/run-folder/run-folder.ts"
import { statfsSync } from "node:fs"

/** Before the first test file: whatever the tests start ends with them, also when they are cut off. One folder serves all projects. */
export function setup(): void {
  const { TMPDIR } = process.env
  if (/gatehouse-run-\w+$/.test(TMPDIR ?? "")) return
  openRunFolder(TMPDIR ?? (hasRoom(memory) ? memory : undefined))
}

/**
 * Files in memory: a write that Redis waits for takes a thirtieth of what it takes on a disk. What a killed process has written
 * is kept here as it is there; only a machine that loses its power would show a difference.
 */
const memory = "/dev/shm"
/** Bytes; a whole run has a quarter of it at once. */
const room = 6 * 2 ** 30

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize >= room
  } catch {
    return false
  }
}
