import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant, SecretRef } from "./values.ts"

/** Name of a webhook, in lower case. */
export const WebhookName = z
  .string()
  .max(64)
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "1 to 63 of a-z 0-9 _ -, first a letter or digit")

const Values = z.array(z.string().min(1).max(256)).min(1).max(50)

/** Which events a webhook gets: within a field any of the values, and all fields together. Absent means all. */
export const WebhookFilter = z
  .strictObject({
    types: Values.describe("Types of events."),
    aggregates: Values.describe("Kinds, or kind/id."),
    names: Values.describe("Ids of aggregates of any kind, for example host names."),
    actors: Values.describe("Names of who caused it."),
  })
  .partial()

const Position = z.int().min(1)
/** What came of the attempts at one event. */
const Failure = z.strictObject({
  position: Position,
  attempts: z.int().min(1),
  /** HTTP status of the last answer; null when there was none. */
  status: z.int().nullable(),
  /** Stable word for why; never an address or a text of the receiver's. */
  fault: z.string().max(64),
})

/** Events of a webhook; the aggregate's id is its name. */
export const webhookEvents = {
  WebhookCreated: z.strictObject({
    name: WebhookName,
    /** Of this webhook alone, also when another gets its name later. */
    webhook_id: z.uuid(),
    url: z.string(),
    description: z.string().max(500),
    filter: WebhookFilter,
    owner: z.string(),
    created_by: z.string(),
    /** Where the vault keeps the signing secret. */
    secret_ref: SecretRef,
    /** First position that is delivered. */
    from: Position,
  }),
  WebhookUpdated: z
    .strictObject({ url: z.string(), description: z.string().max(500), filter: WebhookFilter, enabled: z.boolean() })
    .partial(),
  /** Its next owner has to switch it on: what it gets is theirs from then on. */
  WebhookReassigned: z.strictObject({ owner: z.string() }),
  /** Messages are signed with both secrets until the instant. */
  WebhookSecretRotated: z.strictObject({ secret_ref: SecretRef, previous_until: Instant }),
  WebhookSecretRetired: z.strictObject({}),
  /** Somebody got it, sealed under a passphrase. */
  WebhookSecretExported: z.strictObject({ by: z.string() }),
  WebhookReplayRequested: z.strictObject({ from: Position }),
  WebhookDeliveryAbandoned: Failure,
  WebhookRetryRequested: z.strictObject({ position: Position }),
  WebhookDeliveryRecovered: z.strictObject({ position: Position }),
  /** Nobody there any more (`gone`), or nothing got through for long (`failing`). `position` was not delivered. */
  WebhookDisabled: z.strictObject({ reason: z.enum(["gone", "failing"]), position: Position }),
  WebhookDeleted: z.strictObject({ name: WebhookName }),
} as const

/** Event of a webhook. */
export type WebhookEvent = EventOf<typeof webhookEvents>

/** An event that could not be delivered. */
export interface DeadLetter extends z.infer<typeof Failure> {
  readonly at: string
  /** It is to be tried again. */
  readonly retry: boolean
}

/** Where events are sent as they happen. */
export interface Webhook {
  readonly name: string
  readonly webhook_id: string
  readonly url: string
  readonly description: string
  readonly filter: z.infer<typeof WebhookFilter>
  readonly owner: string
  readonly created_by: string
  readonly created_at: string
  readonly enabled: boolean
  /** When it was switched on last, or led elsewhere: what failed before does not count any more. */
  readonly enabled_at: string
  readonly disabled_reason: "gone" | "failing" | "handed_over" | null
  readonly secret_ref: string
  readonly previous_secret_ref: string | null
  readonly previous_until: string | null
  /** First position that is delivered: since the last replay that was asked for. */
  readonly from: number
  /** Replays that were asked for. */
  readonly replays: number
  /** The newest hundred, oldest first. */
  readonly dead_letters: readonly DeadLetter[]
}

/** Dead letters that a webhook keeps. */
const mostDeadLetters = 100

/** Folds a webhook's events. */
export const evolveWebhook: Evolve<Webhook, WebhookEvent> = (state, event, at) => {
  switch (event.type) {
    case "WebhookCreated":
      return {
        ...event.data,
        created_at: at,
        enabled: true,
        enabled_at: at,
        disabled_reason: null,
        previous_secret_ref: null,
        previous_until: null,
        replays: 0,
        dead_letters: [],
      }
    case "WebhookDeleted":
      return undefined
    default:
      return state && changed(state, event, at)
  }
}

function changed(
  state: Webhook,
  event: Exclude<WebhookEvent, { type: "WebhookCreated" | "WebhookDeleted" }>,
  at: string,
): Webhook {
  const others = (position: number) => state.dead_letters.filter((letter) => letter.position !== position)
  switch (event.type) {
    case "WebhookUpdated":
      return {
        ...state,
        ...(event.data as Partial<Webhook>),
        ...((event.data.enabled === true || event.data.url !== undefined) && { enabled_at: at }),
        ...(event.data.enabled !== undefined && { disabled_reason: null }),
      }
    case "WebhookReassigned":
      return { ...state, ...event.data, enabled: false, disabled_reason: "handed_over" }
    case "WebhookSecretRotated":
      return { ...state, ...event.data, previous_secret_ref: state.secret_ref }
    case "WebhookSecretRetired":
      return { ...state, previous_secret_ref: null, previous_until: null }
    case "WebhookSecretExported":
      return state
    case "WebhookReplayRequested":
      return { ...state, from: event.data.from, replays: state.replays + 1 }
    case "WebhookDeliveryAbandoned": {
      const letters = [...others(event.data.position), { ...event.data, at, retry: false }]
      return { ...state, dead_letters: letters.slice(-mostDeadLetters) }
    }
    case "WebhookRetryRequested": {
      const retried = ({ position }: DeadLetter) => position === event.data.position
      return { ...state, dead_letters: state.dead_letters.map((one) => (retried(one) ? { ...one, retry: true } : one)) }
    }
    case "WebhookDeliveryRecovered":
      return { ...state, dead_letters: others(event.data.position) }
    case "WebhookDisabled":
      return { ...state, enabled: false, disabled_reason: event.data.reason }
  }
}
