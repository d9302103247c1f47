import type { Certificate, Step } from "../events/certificate.ts"
import { type EffectContext, report } from "./effect-context.ts"
import { AcmeError } from "./acme-error.ts"
import { GatehouseError } from "../errors.ts"
import { nextAttemptAt } from "./backoff.ts"
import { reason } from "../platform/log.ts"
import type * as z from "zod"

/** One attempt at one certificate. */
export interface Attempt {
  /** Id of the certificate. */
  readonly id: string
  /** As it was when the attempt began. */
  readonly certificate: Certificate
  /** ACME directory; empty for the internal CA. */
  readonly directoryUrl: string
  /** Counts from 1 within the generation. */
  readonly number: number
  /** Ends the attempt: its deadline, lost leadership, or nobody wants it any more. */
  readonly signal: AbortSignal
  /** Notes where the attempt is, for the report of its failure. */
  readonly step: (step: z.infer<typeof Step>) => void
}

/** What became of an attempt: `later` = the store did not answer, what was recorded is still to be worked on. */
export type AttemptEnd = "issued" | "failed" | "dropped" | "later"

/** How to run attempts. */
export interface AttemptOptions {
  readonly context: EffectContext
  readonly issue: (attempt: Attempt) => Promise<void>
  readonly id: string
  readonly certificate: Certificate
  /** Leadership lost, or the generation is over: nothing is reported any more. */
  readonly signal: AbortSignal
}

/**
 * Runs one attempt, or goes on with the one that a crash left open, and records how it ended. Never rejects for what a CA does.
 */
export async function runAttempt({ context, issue, id, certificate, signal }: AttemptOptions): Promise<AttemptEnd> {
  const { cert_name, generation } = certificate
  const startedAt = context.now()
  const deadline = AbortSignal.timeout(attemptMs(context))
  let step: z.infer<typeof Step> = "account"
  let number = generation.attempt
  try {
    if (generation.state !== "in_progress") number = await startAttempt(context, certificate)
    await issue({
      id,
      certificate,
      number,
      directoryUrl: certificate.acme_directory_url ?? "",
      signal: AbortSignal.any([signal, deadline]),
      step: (next) => (step = next),
    })
    context.log.info("certificate_issued", { certificate: cert_name, attempt: number })
    return "issued"
  } catch (error) {
    if (signal.aborted) return "dropped"
    const end = endedOutside(context, cert_name, error)
    if (end !== undefined) return end
    const failure = deadline.aborted ? new AcmeError("acme_unreachable", "the attempt reached its deadline") : error
    return recordFailure(context, certificate, { failure, step, number, startedAt })
  }
}

async function startAttempt(context: EffectContext, { cert_name, acme_directory_url }: Certificate): Promise<number> {
  const result = await report(context, "StartAttempt", { cert_name, directory_url: acme_directory_url })
  return (result as { attempt: number }).attempt
}

/** How an attempt ends when its report was refused or not heard: the work is void, or it waits for the store. */
function endedOutside({ log }: EffectContext, certificate: string, error: unknown): AttemptEnd | undefined {
  if (!(error instanceof GatehouseError)) return undefined
  if (error.code === "invalid_state" || error.code === "not_found") {
    log.info("certificate_attempt_void", { certificate, reason: error.message })
    return "dropped"
  }
  if (error.code !== "store_unavailable") return undefined
  log.warning("certificate_attempt_interrupted", { certificate, reason: error.message })
  return "later"
}

interface Failure {
  readonly failure: unknown
  readonly step: z.infer<typeof Step>
  readonly number: number
  readonly startedAt: Date
}

async function recordFailure(
  context: EffectContext,
  certificate: Certificate,
  { failure, step, number, startedAt }: Failure,
): Promise<AttemptEnd> {
  const { cert_name, generation } = certificate
  const known = failure instanceof AcmeError ? failure : undefined
  const next = known?.permanent
    ? null
    : nextAttemptAt({
        attempt: number,
        startedAt,
        generationStartedAt: new Date(generation.started_at),
        now: context.now(),
        retryAfter: known?.retryAfter,
        random: context.random,
      })
  const next_attempt_at = next?.toISOString() ?? null
  const code = known?.code ?? "internal"
  // What the CA said is for the owner; what broke inside is for the log only.
  const detail = known?.message ?? "something went wrong inside Gatehouse"
  context.log.warning("certificate_attempt_failed", {
    certificate: cert_name,
    attempt: number,
    step,
    code,
    reason: reason(failure),
    next_attempt_at,
  })
  try {
    await report(context, "RecordAttemptFailed", { cert_name, step, code, detail, next_attempt_at })
    return "failed"
  } catch (error) {
    const end = endedOutside(context, cert_name, error)
    if (end === undefined) throw error
    return end
  }
}

/** Longest time that an attempt may take: both polls, and the calls around them. */
function attemptMs({ config }: EffectContext): number {
  const polls = config.ACME_POLL_INITIAL_WAIT + config.ACME_POLL_MAX_ATTEMPTS * config.ACME_POLL_INTERVAL_SECONDS
  return Math.min((3 * polls + 20 * config.ACME_HTTP_TIMEOUT) * 1000, 24 * 3_600_000)
}
