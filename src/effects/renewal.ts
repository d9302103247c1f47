import { lostHost } from "../commands/certificate-claims.ts"
import { type EffectContext, report } from "./effect-context.ts"
import { type Certificate, isOpen } from "../events/certificate.ts"
import type { RenewalInformation } from "./renewal-information.ts"
import { type World, all } from "../events/world.ts"
import { reason } from "../platform/log.ts"
import { renewalDueAt } from "../commands/certificate.ts"

/** Asks for the renewal of certificates that are due, as often as needed and at least every RENEWAL_CHECK_INTERVAL. */
export interface RenewalScan {
  /** Scans if the time has come. Cheap otherwise. */
  tick(): Promise<void>
  /** Something about certificates changed: the next tick scans. */
  changed(): void
}

/** Scan that has never run. @param signal ends one that is running */
export function renewalScan(context: EffectContext, information: RenewalInformation, signal: AbortSignal): RenewalScan {
  const { config, projections, now, log } = context
  const intervalMs = config.RENEWAL_CHECK_INTERVAL * 1000
  /** Material whose renewal was asked for: its decider may see the due time a moment later than this node. */
  const asked = new Map<string, number>()
  /** Material of which it was said that it is not renewed. */
  const lost = new Set<string>()
  let nextScan = 0

  async function ask(certificate: Certificate, at: number): Promise<void> {
    const { cert_name, material } = certificate
    asked.set(material?.fingerprint_sha256 ?? "", at)
    try {
      // Before the rule of one third says so, only the CA's word makes it due.
      if (renewalDueAt(material!, config.RENEWAL_THRESHOLD_DAYS) <= at)
        await report(context, "RequestDueRenewal", { cert_name })
      else await report(context, "RenewCertificate", { cert_name, force: true })
      log.info("certificate_renewal_due", { certificate: cert_name })
    } catch (error) {
      log.warning("certificate_renewal_not_requested", { certificate: cert_name, reason: reason(error) })
    }
  }

  function tellLost({ cert_name, material }: Certificate, host: string): void {
    const told = material?.fingerprint_sha256 ?? ""
    if (lost.has(told)) return
    lost.add(told)
    log.warning("certificate_not_renewed", { certificate: cert_name, host, reason: "domain_claimed" })
  }

  return {
    changed() {
      nextScan = 0
    },
    async tick() {
      const at = now().getTime()
      // A scan further ahead than the interval was planned before the clock was set back.
      if (at < nextScan && nextScan <= at + intervalMs) return
      for (const [fingerprint, when] of asked) if (at > when + askAgainMs || at < when) asked.delete(fingerprint)
      const dates = dueDates(projections.world, information, config.RENEWAL_THRESHOLD_DAYS, intervalMs)
      const ripe = dates.filter(
        ({ dueAt, certificate }) => dueAt <= at && !asked.has(certificate.material!.fingerprint_sha256),
      )
      for (const { certificate, lost } of ripe) if (lost !== undefined) tellLost(certificate, lost)
      const due = ripe.filter(({ lost }) => lost === undefined)
      const ahead = dates.filter(({ dueAt }) => dueAt > at).map(({ dueAt }) => dueAt)
      const again = asked.size + due.length > 0 ? [at + askAgainMs] : []
      nextScan = Math.min(at + intervalMs, ...ahead, ...again)
      for (const { certificate } of due) if (!signal.aborted) await ask(certificate, at)
    },
  }
}

const askAgainMs = 60_000

interface DueDate {
  readonly certificate: Certificate
  /** Milliseconds since the epoch. */
  readonly dueAt: number
  /** Host that is another owner's by now: what is good for it is not renewed. */
  readonly lost: string | undefined
}

/**
 * When each certificate without open work is due. Two generations are at least a third of a lifetime or one interval apart,
 * so that neither a refusal nor a clock that is months ahead makes a storm of orders.
 */
function dueDates(world: World, information: RenewalInformation, thresholdDays: number, intervalMs: number) {
  const dates: DueDate[] = []
  for (const certificate of all(world, "certificate")) {
    const { material, generation } = certificate
    if (material === null || isOpen(generation)) continue
    const third = (Date.parse(material.expires_at) - Date.parse(material.issued_at)) / 3
    const rested = Date.parse(generation.ended_at ?? generation.started_at) + Math.min(intervalMs, third)
    const wished = Math.min(renewalDueAt(material, thresholdDays), information.suggested(certificate) ?? Infinity)
    dates.push({ certificate, dueAt: Math.max(wished, rested), lost: lostHost(certificate, world) })
  }
  return dates
}
