import { CliFailure } from "./failure.ts"
import type { Reply } from "./client.ts"
import type { Session } from "./session.ts"

/** Seconds that `--wait` waits unless `--timeout` says otherwise. */
const defaultTimeout = 120

/** Longest wait of one call, seconds: below the time after which something in between may cut it. */
const slice = 25

/**
 * Shows an answer whose work goes on: with `--wait` what came of it, else the answer and how to follow it.
 * @param command what shows the progress later
 * @throws CliFailure timedOut, or apiError when the work failed
 */
export async function follow(
  session: Session,
  reply: Reply,
  token: string | undefined,
  command: string,
): Promise<void> {
  const location = reply.headers.get("location")
  if (session.on("wait") && location !== null) return session.show(await waitFor(session, location, token))
  session.show(reply)
  if (session.format === "table") session.terminal.error(`follow it with: ${command}\n`)
}

/**
 * After a proxy was made: with `--wait` waits for its certificate, else says how to follow that.
 * @param certificate none for a proxy without one that is on its way
 * @throws CliFailure timedOut, or apiError when no certificate came
 */
export async function certified(
  session: Session,
  certificate: string | null,
  token: string | undefined,
): Promise<void> {
  if (certificate === null) return
  if (session.on("wait"))
    await waitFor(session, `/api/v1/certificates/${encodeURIComponent(certificate)}/status`, token)
  else if (session.format === "table")
    session.terminal.error(`follow its certificate with: just cert-status ${certificate}\n`)
}

/** Polls a status until its work is over. @throws CliFailure timedOut, or apiError when it failed */
export async function waitFor(session: Session, location: string, token: string | undefined): Promise<Reply> {
  const timeout = Number(session.flag("timeout") ?? defaultTimeout)
  if (!Number.isFinite(timeout)) throw new CliFailure("usage", "usage: --timeout is a number of seconds")
  const deadline = performance.now() + timeout * 1000
  for (;;) {
    const left = Math.max(0, Math.ceil((deadline - performance.now()) / 1000))
    const wait = Math.min(left, slice)
    const reply = await session.get(`${location}?wait=true&timeout=${wait}`, token, (wait + 10) * 1000)
    const state = stateOf(reply)
    if (state === "done") return reply
    if (state === "failed") throw new CliFailure("apiError", failure(reply))
    if (left === 0) throw new CliFailure("timedOut", `timed_out: not done after ${timeout} s; it goes on`)
  }
}

/** Of a certificate's status (`generation`) or of a command. */
export function stateOf({ body }: Pick<Reply, "body">): "open" | "done" | "failed" {
  const generation = body["generation"] as { state: string } | undefined
  if (generation === undefined)
    return body["status"] === "queued" ? "open" : body["status"] === "accepted" ? "done" : "failed"
  const over = ["completed", "failed", "idle"].includes(generation.state)
  if (!over) return "open"
  return generation.state === "failed" || body["status"] === "failed" ? "failed" : "done"
}

function failure({ body }: Reply): string {
  const generation = body["generation"] as { last_error: { code: string; detail: string } | null } | undefined
  const { code, detail } = generation?.last_error ?? (body as { code?: string; detail?: string })
  return `${code ?? "failed"}: ${detail ?? "the work failed"}`
}
