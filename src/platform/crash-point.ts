/** Ends the process with SIGKILL when it is told to crash at this named point; otherwise does nothing. */
export type CrashPoint = (name: string) => void

/**
 * Crash points of a process.
 * @param at `name`, or `name#n` for the n-th pass; undefined in production
 */
export function crashPoints(at: string | undefined): CrashPoint {
  if (at === undefined) return () => {}
  const [name, pass = "1"] = at.split("#")
  let left = Number(pass)
  return (reached) => {
    if (reached === name && --left === 0) process.kill(process.pid, "SIGKILL")
  }
}
