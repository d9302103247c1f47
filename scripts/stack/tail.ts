import { closeSync, fstatSync, openSync, readSync } from "node:fs"

const enough = 64 * 1024

/** The last lines of a file; empty when there is none. */
export function tail(file: string, lines: number): string {
  let handle: number
  try {
    handle = openSync(file, "r")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ""
    throw error
  }
  try {
    const { size } = fstatSync(handle)
    const buffer = Buffer.alloc(Math.min(size, enough))
    readSync(handle, buffer, 0, buffer.length, size - buffer.length)
    return buffer.toString("utf8").trimEnd().split("\n").slice(-lines).join("\n")
  } finally {
    closeSync(handle)
  }
}
