import type { H3Event } from "h3"
import type { IncomingMessage } from "node:http"

/** What a request came to, for its line in the access log. Never a code, a token or a secret. */
export interface Outcome {
  /** Stable word for a refusal. */
  readonly reason?: string
  readonly client_id?: string
  readonly subject?: string
  readonly grant_id?: string
}

/** A request as the edge hands it on. */
export type AddressedRequest = IncomingMessage & {
  /** The client's address, behind trusted proxies the one that they report. */
  clientAddress?: string
  /** Names the request in the access log. */
  requestId?: string
  /** Takes what the request came to into the access log. */
  note?: (outcome: Outcome) => void
}

// Kept beside the answer or error that it belongs to, and gone with it: no step between has to hand it on.
const outcomes = new WeakMap<object, Outcome>()

/** Says of an answer, or of an error on its way to become one, what it is about. @returns the same */
export function about<T extends object>(answer: T, outcome: Outcome): T {
  outcomes.set(answer, { ...outcomes.get(answer), ...outcome })
  return answer
}

/** What is known of an answer or error. */
export function outcomeOf(answer: unknown): Outcome {
  return (typeof answer === "object" && answer !== null && outcomes.get(answer)) || {}
}

/** Tells whoever keeps the access log. */
export function noteOutcome(event: H3Event, outcome: Outcome): void {
  const request = event.runtime?.node?.req as AddressedRequest | undefined
  request?.note?.(outcome)
}

/** Id of a request in the access log, so that what is logged about it can be found from there. */
export function requestIdOf(event: H3Event): string | undefined {
  return (event.runtime?.node?.req as AddressedRequest | undefined)?.requestId
}
