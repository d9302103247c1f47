import { ApiFailure, type Reply } from "./client.ts"
import { CliFailure } from "./failure.ts"
import type { Session } from "./session.ts"
import { printable } from "../api/rows.ts"
import { settling } from "../api/endpoints/services.ts"

/** Seconds that a service is waited for unless `--timeout` says otherwise. */
const defaultTimeout = 120

interface Shown {
  readonly status: string
  readonly attempt: number
  readonly next_attempt_at: string | null
  readonly last_error: { readonly code: string; readonly detail: string } | null
}

/** Tells somebody at a terminal how things go; what is printed for programs stays as it is. */
export function tell({ format, terminal }: Session, text: string): void {
  if (format === "table") terminal.error(`${text}\n`)
}

/**
 * Waits until no work on a service goes on, and tells what happens meanwhile.
 * @returns the service, which runs or was stopped
 * @throws CliFailure apiError when it does not run, with the end of its log; timedOut
 */
export async function settled(session: Session, name: string, token: string | undefined): Promise<Reply> {
  const timeout = Number(session.flag("timeout") ?? defaultTimeout)
  if (!Number.isFinite(timeout)) throw new CliFailure("usage", "usage: --timeout is a number of seconds")
  const deadline = performance.now() + timeout * 1000
  let told = ""
  for (;;) {
    const left = Math.max(0, Math.ceil((deadline - performance.now()) / 1000))
    const query = { wait: true, timeout: Math.min(left, 1) }
    const reply = await session.call("getService", { params: { name }, token, query })
    const service = reply.body as unknown as Shown
    const news = progress(name, service)
    if (news !== told) tell(session, news)
    told = news
    if (service.status === "running" || service.status === "stopped") return reply
    if (!settling.has(service.status)) throw await notRunning(session, name, token, service)
    if (left === 0)
      throw new CliFailure("timedOut", `timed_out: still ${service.status} after ${timeout} s; it goes on`)
  }
}

function progress(name: string, { status, attempt, next_attempt_at, last_error }: Shown): string {
  if (last_error === null || !settling.has(status)) return `${name}: ${status}`
  const next = next_attempt_at === null ? "" : `; next attempt at ${next_attempt_at.slice(11, 19)} UTC`
  return `${name}: ${status}; attempt ${attempt} failed: ${last_error.detail}${next}`
}

/** What a service that does not run has said last is what its user wants to know. */
async function notRunning(
  session: Session,
  name: string,
  token: string | undefined,
  { status, last_error }: Shown,
): Promise<CliFailure> {
  const lines = await logged(session, name, token)
  const log = lines.length === 0 ? "" : `\nIts last lines:\n${lines.map((line) => `  ${line}`).join("\n")}`
  const { code, detail } = last_error ?? {
    code: "docker_unavailable",
    detail: "the container engine cannot be reached",
  }
  return new CliFailure("apiError", `${code}: the service is ${status}: ${detail}${log}`)
}

/** Last lines of a service, safe for a terminal; none when there is no container to ask. */
export async function logged(session: Session, name: string, token: string | undefined): Promise<readonly string[]> {
  try {
    const reply = await session.call("getServiceLogs", { params: { name }, token, query: { lines: 15 } })
    return (reply.body["logs"] as string[]).map(printable)
  } catch (error) {
    if (error instanceof ApiFailure) return []
    throw error
  }
}
