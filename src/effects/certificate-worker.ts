import { type Certificate, type Generation } from "../events/certificate.ts"
import { type World, all, find } from "../events/world.ts"
import type { Attempt } from "./attempt.ts"
import type { EffectContext } from "./effect-context.ts"
import { acmeAccounts } from "./acme-account.ts"
import { idOf } from "../commands/decision.ts"
import { issueByAcme } from "./issue-acme.ts"
import { issueInternally } from "./issue-internal.ts"
import { orderLimits } from "./order-limits.ts"
import { reason } from "../platform/log.ts"
import { renewalInformation } from "./renewal-information.ts"
import { renewalScan } from "./renewal.ts"
import { runAttempt } from "./attempt.ts"
import { wakeUp } from "./wake-up.ts"

const tickMs = 1000
/** Pause before work that the store interrupted is taken up again. */
const laterMs = 5000

interface Run {
  readonly ended: Promise<void>
  readonly abort: AbortController
  /** Tells one generation of a certificate from the next. */
  readonly generation: string
  readonly order: string
}

/** Tells of events about certificates, each at least once, after this node's projections hold them. */
export interface Changes {
  /** @returns ends the subscription */
  listen(listener: () => void): () => void
}

/**
 * Works on every certificate that is owed something, for as long as `signal` lasts. What is owed is read from the
 * projections, so that after a restart everything goes on; they must be at the head of the log when this is called.
 * Resolves when the last attempt has ended.
 */
export async function workOnCertificates(context: EffectContext, changes: Changes, signal: AbortSignal): Promise<void> {
  const { projections, config, log, now } = context
  const information = renewalInformation(context)
  const acme = { ...context, accounts: acmeAccounts(context, signal), limits: orderLimits(now), information }
  const issue = (attempt: Attempt) =>
    attempt.certificate.issuer === "acme" ? issueByAcme(acme, attempt) : issueInternally(context, attempt)
  const renewals = renewalScan(context, information, signal)
  const runs = new Map<string, Run>()
  const held = new Map<string, number>()
  const alarm = wakeUp(signal)
  const unlisten = changes.listen(() => {
    renewals.changed()
    alarm.ring()
  })

  async function run(id: string, certificate: Certificate, wanted: AbortSignal): Promise<void> {
    try {
      const end = await runAttempt({ context, issue, id, certificate, signal: AbortSignal.any([signal, wanted]) })
      if (end === "later") held.set(id, now().getTime() + laterMs)
    } catch (error) {
      log.error("certificate_attempt_broken", { certificate: certificate.cert_name, reason: reason(error) })
      held.set(id, now().getTime() + laterMs)
    }
    runs.delete(id)
    alarm.ring()
  }

  function start(id: string, certificate: Certificate): void {
    const abort = new AbortController()
    const entry = { abort, generation: certificate.generation.started_at, order: orderKey(certificate) }
    runs.set(id, { ...entry, ended: run(id, certificate, abort.signal) })
  }

  function isHeld(id: string, at: number): boolean {
    const until = held.get(id)
    if (until !== undefined && at < until && until <= at + laterMs) return true
    held.delete(id)
    return false
  }

  function reconcile(): void {
    const at = now().getTime()
    for (const [id, run] of runs)
      if (find(projections.world, "certificate", id)?.generation.started_at !== run.generation) run.abort.abort()
    if (runs.size >= config.CERT_GEN_MAX_WORKERS) return
    const orders = new Set([...runs.values()].map(({ order }) => order))
    for (const [id, certificate] of owed(projections.world, at)) {
      if (runs.size >= config.CERT_GEN_MAX_WORKERS) return
      if (runs.has(id) || isHeld(id, at) || orders.has(orderKey(certificate))) continue
      start(id, certificate)
      orders.add(orderKey(certificate))
    }
  }

  const following = information.follow(signal, renewals.changed).catch((error: unknown) => {
    log.error("renewal_information_stopped", { reason: reason(error) })
  })
  try {
    while (!signal.aborted) {
      await renewals.tick()
      if (!signal.aborted) reconcile()
      await alarm.next(tickMs)
    }
  } finally {
    unlisten()
    await Promise.all([following, ...[...runs.values()].map(({ ended }) => ended)])
  }
}

/** Certificates with open work that is due, those that wait longest first. */
function owed(world: World, at: number): [string, Certificate][] {
  const due = [...all(world, "certificate")].filter(({ generation }) => isDue(generation, at))
  const since = ({ generation }: Certificate) => generation.next_attempt_at ?? generation.started_at
  return due
    .sort((a, b) => (since(a) < since(b) ? -1 : 1))
    .map((certificate) => [idOf(certificate.cert_name), certificate])
}

/** Accepted, due again, or left open by a crash. */
function isDue({ state, next_attempt_at }: Generation, at: number): boolean {
  if (state === "waiting_retry") return next_attempt_at !== null && Date.parse(next_attempt_at) <= at
  return state === "accepted" || state === "in_progress"
}

/** Two attempts with the same key would race for one order: CAs may hand the same pending order to both. */
function orderKey({ issuer, cert_name, acme_directory_url, domains }: Certificate): string {
  if (issuer === "internal") return `internal\n${cert_name}`
  return [acme_directory_url, ...[...domains].sort()].join("\n")
}
