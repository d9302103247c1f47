import { type AcmeOrder, type AcmeSession } from "./acme-session.ts"
import { ChainError, type IssuedChain, verifyChain } from "./issued-chain.ts"
import { type EffectContext, newSecretRef, openSecret, report } from "./effect-context.ts"
import { type OrderWork, finalizeOrder, proveNames } from "./acme-order.ts"
import { generateKey, signingRequest } from "./keys.ts"
import type { AcmeAccounts } from "./acme-account.ts"
import { AcmeError } from "./acme-error.ts"
import type { Attempt } from "./attempt.ts"
import type { OrderLimits } from "./order-limits.ts"
import { type RenewalInformation, certificateId } from "./renewal-information.ts"
import { find } from "../events/world.ts"
import { stagingTwin } from "./staging-twin.ts"

/** What ACME attempts share. */
export interface AcmeContext extends EffectContext {
  readonly accounts: AcmeAccounts
  readonly limits: OrderLimits
  readonly information: RenewalInformation
}

interface Issued {
  readonly chain: IssuedChain
  readonly key_ref: string
}

/**
 * One attempt at an ACME certificate: the recorded order is continued where there is one, else a new one is made. A retry
 * proves the names at the staging twin first.
 * @throws AcmeError
 */
export async function issueByAcme(context: AcmeContext, attempt: Attempt): Promise<void> {
  const { certificate, directoryUrl, signal } = attempt
  const names = namesOf(certificate.domains)
  const issued = await context.accounts.use(directoryUrl, certificate.email, signal, async (session) => {
    const work = orderWork(context, attempt, directoryUrl, session)
    const resumed = await resume(context, attempt, names, work)
    if (resumed !== undefined) return resumed
    await rehearse(context, attempt, names)
    attempt.step("order")
    await context.limits.admit(directoryUrl, names, signal)
    const order = await newOrder(context, attempt, names, session)
    context.crash("acme.orderCreated")
    await report(context, "RecordOrder", { cert_name: certificate.cert_name, order_url: order.url })
    context.crash("acme.orderRecorded")
    return complete(context, attempt, names, order, work).catch((error: unknown) => {
      throw error instanceof ChainError ? new AcmeError("acme_bad_answer", error.message) : error
    })
  })
  await report(context, "RecordIssued", { cert_name: certificate.cert_name, ...issued.chain, key_ref: issued.key_ref })
  context.crash("acme.certSaved")
}

/** Sorted, once each, in lower case: the form in which name sets are compared. @throws AcmeError for what http-01 cannot prove */
function namesOf(domains: readonly string[]): string[] {
  const names = [...new Set(domains.map((domain) => domain.toLowerCase()))].sort()
  const wildcard = names.find((name) => name.startsWith("*."))
  if (wildcard === undefined) return names
  throw new AcmeError("acme_order_invalid", `${wildcard} cannot be proven over http-01`, { permanent: true })
}

/** A new order; a renewal names what it replaces, where the CA wants to know it and does not complain. */
async function newOrder(
  context: AcmeContext,
  attempt: Attempt,
  names: string[],
  session: AcmeSession,
): Promise<AcmeOrder> {
  const { certificate, directoryUrl } = attempt
  const { material, generation } = certificate
  if (material === null || generation.purpose !== "renew" || !context.information.offeredBy(directoryUrl))
    return session.createOrder(names)
  try {
    return await session.createOrder(names, certificateId(material.fullchain_pem))
  } catch (error) {
    if (!(error instanceof AcmeError) || error.code !== "acme_order_invalid") throw error
    context.log.info("acme_replaces_refused", { certificate: certificate.cert_name, reason: error.message })
    return session.createOrder(names)
  }
}

/** Continues the recorded order. @returns undefined when nothing can be made of it any more */
async function resume(
  context: AcmeContext,
  attempt: Attempt,
  names: string[],
  work: OrderWork,
): Promise<Issued | undefined> {
  const { order_url, key_ref } = recorded(context, attempt)
  if (order_url === null) return undefined
  try {
    const order = await readRecorded(order_url, work.session)
    if (order === undefined || order.status === "invalid") return undefined
    // Without a key of ours somebody else finalized it: CAs may hand one pending order to two requests.
    if ((order.status === "valid" || order.status === "processing") && key_ref === null) return undefined
    context.log.info("acme_order_resumed", { certificate: attempt.certificate.cert_name, status: order.status })
    return await complete(context, attempt, names, order, work)
  } catch (error) {
    if (!(error instanceof ChainError)) throw error
    // What only begins later becomes good by waiting; a new order would not be better.
    if (error.early) throw new AcmeError("acme_bad_answer", error.message)
    context.log.warning("acme_order_unusable", { certificate: attempt.certificate.cert_name, reason: error.message })
    return undefined
  }
}

/** The recorded order, or undefined when the CA does not know it or does not let this account see it. */
async function readRecorded(url: string, session: AcmeSession): Promise<AcmeOrder | undefined> {
  try {
    return await session.order(url)
  } catch (error) {
    if (error instanceof AcmeError && (error.code === "acme_order_invalid" || error.code === "acme_bad_answer"))
      return undefined
    throw error
  }
}

/** Takes an order from any state to a checked chain. @throws AcmeError, ChainError */
async function complete(
  context: AcmeContext,
  attempt: Attempt,
  names: string[],
  order: AcmeOrder,
  work: OrderWork,
): Promise<Issued> {
  const proven = await proveNames(order, work)
  const key = await orderKey(context, attempt, names)
  const valid = await finalizeOrder(proven, key.csrPem, work)
  attempt.step("download")
  const chain = await work.session.download(valid)
  context.crash("acme.certFetched")
  return { chain: verifyChain(chain, key.pem, names, context.now()), key_ref: key.ref }
}

/** Key and signing request of the order: saved before the CA sees them, so that a restart can use what it issues. */
async function orderKey(context: AcmeContext, attempt: Attempt, names: string[]) {
  const { key_ref, csr_pem } = recorded(context, attempt)
  if (key_ref !== null && csr_pem !== null) {
    const saved = await openSecret(context, key_ref)
    if (saved === undefined) throw new ChainError("the key of the order is gone")
    return { ref: key_ref, pem: saved, csrPem: csr_pem }
  }
  const { certificate } = attempt
  const key = await generateKey(certificate.key_type, context.config.RSA_KEY_SIZE)
  const csrPem = await signingRequest(names, key)
  const ref = newSecretRef("cert-key")
  const data = { cert_name: certificate.cert_name, key_ref: ref, csr_pem: csrPem }
  await report(context, "SaveKey", data, { [ref]: key.pem })
  context.crash("acme.keySaved")
  return { ref, pem: key.pem, csrPem }
}

/** Failures of the staging twin that say nothing about the names. */
const saysNothing: ReadonlySet<string> = new Set(["acme_unreachable", "acme_account_lost", "acme_bad_answer"])

/** Proves on a retry that the staging twin would issue, with a key that is thrown away. */
async function rehearse(context: AcmeContext, attempt: Attempt, names: string[]): Promise<void> {
  const { certificate, signal, directoryUrl } = attempt
  const twin = attempt.number === 1 ? undefined : stagingTwin(directoryUrl, context.config)
  if (twin === undefined) return
  attempt.step("order")
  try {
    await context.accounts.use(twin, certificate.email, signal, async (session) => {
      const work = orderWork(context, attempt, twin, session)
      await context.limits.admit(twin, names, signal)
      const proven = await proveNames(await session.createOrder(names), work)
      const csrPem = await signingRequest(names, await generateKey("ecdsa-p256", 0))
      await finalizeOrder(proven, csrPem, work)
    })
  } catch (error) {
    if (!(error instanceof AcmeError) || !saysNothing.has(error.code)) throw error
    context.log.warning("acme_staging_unusable", { certificate: certificate.cert_name, reason: error.message })
  }
}

function recorded({ projections }: EffectContext, { id, certificate }: Attempt) {
  return (find(projections.world, "certificate", id) ?? certificate).generation
}

function orderWork(context: AcmeContext, attempt: Attempt, directoryUrl: string, session: AcmeSession): OrderWork {
  const { config } = context
  return {
    session,
    signal: attempt.signal,
    crash: context.crash,
    polling: {
      initialMs: config.ACME_POLL_INITIAL_WAIT * 1000,
      intervalMs: config.ACME_POLL_INTERVAL_SECONDS * 1000,
      attempts: config.ACME_POLL_MAX_ATTEMPTS,
    },
    step: attempt.step,
    async publish(domain, token, key_authorization) {
      const data = { cert_name: attempt.certificate.cert_name, domain, token, key_authorization }
      await report(context, "PublishChallenge", data)
    },
    validationFailed: (domain) => context.limits.failed(directoryUrl, domain),
  }
}
