/** Environment that a started program needs of this one: where programs are, and where it may keep files. */
export function programEnvironment(): Record<string, string> {
  const { PATH = "", NODE_COMPILE_CACHE, TMPDIR } = process.env
  return {
    PATH,
    ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
    // What tells a process of this run: scripts/run-folder.
    ...(TMPDIR !== undefined && { TMPDIR }),
  }
}
