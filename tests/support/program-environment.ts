import { join } from "node:path"

/** Where `just` keeps compiled modules too: a start takes half the CPU time from the second one on. */
const compiled = join(import.meta.dirname, "../../node_modules/.cache/node")

/** Environment that a started program needs of this one: where programs are, and where it may keep files. */
export function programEnvironment(): Record<string, string> {
  const { PATH = "", NODE_COMPILE_CACHE = compiled, TMPDIR } = process.env
  return {
    PATH,
    NODE_COMPILE_CACHE,
    // What tells a process of this run: scripts/run-folder.
    ...(TMPDIR !== undefined && { TMPDIR }),
  }
}
