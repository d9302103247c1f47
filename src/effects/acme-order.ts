import { type AcmeOrder, type AcmeSession, type HttpChallenge, httpChallenge } from "./acme-session.ts"
import { AcmeError } from "./acme-error.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import type { Step } from "../events/certificate.ts"
import { setTimeout } from "node:timers/promises"
import type * as z from "zod"

/** What working on an order needs from its surroundings. */
export interface OrderWork {
  readonly session: AcmeSession
  readonly signal: AbortSignal
  readonly crash: CrashPoint
  readonly polling: { readonly initialMs: number; readonly intervalMs: number; readonly attempts: number }
  /** Called when the order reaches another stage. */
  step(step: z.infer<typeof Step>): void
  /** Puts an answer where every node serves it; resolves when this node does. */
  publish(domain: string, token: string, keyAuthorization: string): Promise<void>
  /** A name's validation failed. */
  validationFailed(domain: string): void
}

/**
 * Proves every name of a pending order; others are given back as they are.
 * @throws AcmeError `acme_authorization_failed` with the validator's words
 */
export async function proveNames(order: AcmeOrder, work: OrderWork): Promise<AcmeOrder> {
  if (order.status !== "pending") return refuseInvalid(order, work)
  work.step("challenge")
  const challenges: HttpChallenge[] = []
  for (const url of order.authorizations) {
    const authorization = await work.session.authorization(url)
    if (authorization.status !== "pending") continue
    const challenge = httpChallenge(authorization)
    const keyAuthorization = await work.session.keyAuthorization(challenge.token)
    await work.publish(authorization.identifier.value, challenge.token, keyAuthorization)
    challenges.push(challenge)
  }
  work.crash("acme.challengePublished")
  work.step("validation")
  for (const challenge of challenges) if (challenge.status === "pending") await answer(challenge, work)
  work.crash("acme.challengeAnswered")
  const proven = await poll(order, (status) => status !== "pending", work)
  if (proven.status === "pending")
    throw new AcmeError("acme_authorization_failed", "the CA did not finish validation in time")
  return refuseInvalid(proven, work)
}

/** An answer that was lost on the way may have arrived: then the challenge is under way, and polling shows the rest. */
async function answer(challenge: HttpChallenge, { session, signal }: OrderWork): Promise<void> {
  try {
    await session.answer(challenge)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof AcmeError) || error.code !== "acme_unreachable") throw error
    await session.answer(challenge).catch((again: unknown) => {
      if (!(again instanceof AcmeError) || again.code !== "acme_order_invalid") throw again
    })
  }
}

const finalizations = 3

/**
 * Sends the signing request and waits for the certificate. When the answer is lost, the order itself tells what became of
 * it: it is finalized again only while it is still ready.
 * @returns the valid order
 */
export async function finalizeOrder(order: AcmeOrder, csrPem: string, work: OrderWork): Promise<AcmeOrder> {
  work.step("finalize")
  let current = order
  for (let sent = 1; current.status === "ready"; sent++) {
    const request = work.session.finalize(current, csrPem)
    work.crash("acme.finalizeSent")
    try {
      current = await request
      if (current.status === "ready" && sent === finalizations)
        throw new AcmeError("acme_bad_answer", "the order stays ready although it was finalized")
    } catch (error) {
      work.signal.throwIfAborted()
      current = await work.session.order(order.url)
      const lost = error instanceof AcmeError && error.code === "acme_unreachable"
      if (current.status === "ready" && (!lost || sent === finalizations)) throw error
    }
  }
  work.crash("acme.afterFinalize")
  const final = await refuseInvalid(await poll(current, (status) => status !== "processing", work), work)
  if (final.status !== "valid") throw new AcmeError("acme_order_invalid", `the order is still ${final.status}`)
  return final
}

/** Reads the order until `done`, at most as often as configured. */
async function poll(
  order: AcmeOrder,
  done: (status: AcmeOrder["status"]) => boolean,
  work: OrderWork,
): Promise<AcmeOrder> {
  const { initialMs, intervalMs, attempts } = work.polling
  let current = order
  for (let polls = 0; polls < attempts && !done(current.status); polls++) {
    await setTimeout(polls === 0 ? initialMs : intervalMs, undefined, { signal: work.signal })
    current = await work.session.order(order.url)
  }
  return current
}

/** Passes an order on unless it is invalid; then the reason is in one of its authorizations, or in itself. */
async function refuseInvalid(order: AcmeOrder, { session, validationFailed }: OrderWork): Promise<AcmeOrder> {
  if (order.status !== "invalid") return order
  for (const url of order.authorizations) {
    const { status, identifier, challenges } = await session.authorization(url)
    if (status !== "invalid") continue
    validationFailed(identifier.value)
    const cause = challenges.find(({ error }) => error !== undefined)?.error
    const why = cause === undefined ? "no reason given" : `${cause.type}: ${cause.detail}`
    throw new AcmeError("acme_authorization_failed", `${identifier.value}: ${why}`)
  }
  throw new AcmeError(
    "acme_order_invalid",
    order.error === undefined ? "no reason given" : `${order.error.type}: ${order.error.detail}`,
  )
}
