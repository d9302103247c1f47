/** State of one part. `degraded`: works, with something an operator should look at. */
export interface Health {
  readonly status: "healthy" | "degraded" | "unhealthy"
  readonly detail?: string
}

/** Looks at one part. A check that throws, or takes longer than two seconds, stands for an unhealthy part. */
export type HealthCheck = () => Health | Promise<Health>

const severity = { healthy: 0, degraded: 1, unhealthy: 2 } as const

/** The worst of several states; of none, `unhealthy`: nothing is known to work. */
export function worst(states: readonly Health[]): Health["status"] {
  if (states.length === 0) return "unhealthy"
  return states.reduce<Health["status"]>(
    (found, { status }) => (severity[status] > severity[found] ? status : found),
    "healthy",
  )
}

/** Runs every check at once, each with a deadline. @param deadlineMs per check */
export async function runChecks(
  checks: Readonly<Record<string, HealthCheck>>,
  deadlineMs: number,
): Promise<Record<string, Health>> {
  const entries = Object.entries(checks).map(
    async ([name, check]) => [name, await runCheck(check, deadlineMs)] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

async function runCheck(check: HealthCheck, deadlineMs: number): Promise<Health> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Health>((resolve) => {
    timer = setTimeout(() => resolve({ status: "unhealthy", detail: "the check did not answer in time" }), deadlineMs)
  })
  try {
    return await Promise.race([Promise.resolve().then(check), late])
  } catch {
    // What a failing check throws may name addresses; its outcome is the finding.
    return { status: "unhealthy", detail: "the check failed" }
  } finally {
    clearTimeout(timer)
  }
}
