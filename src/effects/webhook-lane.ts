import type { DeliveryNote, DeliveryNotes, Writer } from "../platform/delivery-notes.ts"
import { type EffectContext, report } from "./effect-context.ts"
import { givesUpAfterMs, retryWait } from "./webhook-backoff.ts"
import { maySeeEvent, wants } from "../projections/event-filter.ts"
import type { DeliveryResult } from "./webhook-call.ts"
import type { EventFeed } from "../projections/event-feed.ts"
import { GatehouseError } from "../errors.ts"
import type { StoredEvent } from "../events/envelope.ts"
import type { Webhook } from "../events/webhook.ts"
import type { WebhookSender } from "./webhook-sender.ts"
import { eventMessage } from "./webhook-message.ts"
import { isArchiveMissing } from "../platform/archived-log.ts"
import { find } from "../events/world.ts"
import { reason } from "../platform/log.ts"
import { setTimeout as sleep } from "node:timers/promises"

/** What a lane works with. */
export interface LaneOptions {
  readonly context: EffectContext
  readonly feed: EventFeed
  readonly notes: DeliveryNotes
  readonly writer: Writer
  readonly sender: WebhookSender
  readonly name: string
  readonly webhookId: string
  /** Leadership lost, or the node stops. */
  readonly signal: AbortSignal
}

/** Longest time that a lane does not look at its webhook, milliseconds. */
const lookMs = 1000
/** Positions that may pass without a note when there is nothing to send; they would be looked at again. */
const mostUnnoted = 1000

interface Lane extends LaneOptions {
  /** Position of the last note. */
  noted: number
}

/**
 * Delivers the log to one webhook: in order, one event at a time, each until it is taken or given up. At least once: the note is
 * written when the receiver has answered, and a worker that ends between the two sends it again.
 */
export async function runLane(options: LaneOptions): Promise<void> {
  const { context, notes, name, webhookId, signal, sender } = options
  const lane: Lane = { ...options, noted: 0 }
  const { log } = context
  const current = () => {
    const webhook = find(context.projections.world, "webhook", name)
    return webhook?.webhook_id === webhookId ? webhook : undefined
  }
  let note: DeliveryNote | undefined
  try {
    while (!signal.aborted) {
      const webhook = current()
      if (webhook === undefined) return
      try {
        note = startOf(webhook, note ?? (await notes.read(webhookId)))
        note = await step(lane, webhook, note, current)
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof GatehouseError)) throw error
        // Nobody but its owner can say from where it should go on instead.
        if (isArchiveMissing(error) && note !== undefined && note.last_fault !== error.code)
          await save(lane, (note = { ...note, last_fault: error.code }))
        log.debug("webhook_waits", { webhook: name, error: reason(error) })
        await sleep(lookMs, undefined, { signal }).catch(() => undefined)
      }
    }
  } finally {
    await sender.close()
  }
}

const fresh = { attempts: 0, due_at: null, failing_since: null }

/** Where delivery stands: at the beginning, or at that of the last replay that was asked for. */
function startOf({ from, replays, enabled_at }: Webhook, note: DeliveryNote | undefined): DeliveryNote {
  if (note === undefined)
    return { position: from - 1, replays, ...fresh, last_status: null, last_fault: null, last_success_at: null }
  if (note.replays !== replays) return { ...note, ...fresh, position: from - 1, replays }
  return note.failing_since !== null && note.failing_since < enabled_at ? { ...note, ...fresh } : note
}

/** Does what is next, which may be to wait. @returns the note after it */
async function step(
  lane: Lane,
  webhook: Webhook,
  note: DeliveryNote,
  current: () => Webhook | undefined,
): Promise<DeliveryNote> {
  const { context, feed, signal } = lane
  const now = context.now().getTime()
  if (webhook.previous_until !== null && Date.parse(webhook.previous_until) <= now)
    await tell(lane, "RetireWebhookSecret", {})
  if (!webhook.enabled) {
    await pause(signal, lookMs)
    return note
  }
  const retried = webhook.dead_letters.find(({ retry }) => retry)
  if (retried !== undefined) await retryDead(lane, webhook, retried.position)
  const left = note.due_at === null ? 0 : Date.parse(note.due_at) - now
  if (left > 0) {
    await pause(signal, left)
    return note
  }
  return deliverPage(lane, webhook, note, await feed.next(note.position, lookMs, signal), current)
}

async function pause(signal: AbortSignal, ms: number): Promise<void> {
  await sleep(Math.min(ms, lookMs), undefined, { signal }).catch(() => undefined)
}

async function deliverPage(
  lane: Lane,
  webhook: Webhook,
  before: DeliveryNote,
  page: readonly StoredEvent[],
  current: () => Webhook | undefined,
): Promise<DeliveryNote> {
  const { context, signal } = lane
  const reader = { token: webhook.owner, admin: webhook.owner === "admin" }
  let note = before
  for (const event of page) {
    // Whatever was changed meanwhile holds from the next event on.
    if (signal.aborted || current() !== webhook) break
    if (wants(webhook.filter, event) && maySeeEvent(event, reader, context.projections.world)) {
      note = await deliver(lane, webhook, note, event)
      if (note.position !== event.position) break
    } else note = { ...note, position: event.position }
  }
  const unnoted = note.position - lane.noted
  if (unnoted > mostUnnoted || (unnoted > 0 && page.length === 0)) await save(lane, note)
  return note
}

async function deliver(lane: Lane, webhook: Webhook, note: DeliveryNote, event: StoredEvent): Promise<DeliveryNote> {
  const { context, sender, signal } = lane
  context.crash("webhook.beforeSend")
  const result = await sender.send(webhook, eventMessage(webhook, event), signal)
  context.crash("webhook.sent")
  const at = context.now().toISOString()
  const next =
    result.fault === null
      ? {
          ...note,
          ...fresh,
          position: event.position,
          last_status: result.status,
          last_fault: null,
          last_success_at: at,
        }
      : await failed(lane, webhook, note, event.position, result)
  await save(lane, next)
  context.crash("webhook.noted")
  return next
}

async function failed(
  options: LaneOptions,
  webhook: Webhook,
  note: DeliveryNote,
  position: number,
  { status, fault, retryAfterMs }: DeliveryResult,
): Promise<DeliveryNote> {
  const { context, name } = options
  const now = context.now()
  const attempts = note.attempts + 1
  context.log.info("webhook_not_delivered", { webhook: name, position, attempts, status, fault })
  // What failed before it was switched on again does not count.
  const since = [note.failing_since ?? now.toISOString(), webhook.enabled_at].sort().at(-1)!
  const failing = { ...note, attempts, failing_since: since, last_status: status, last_fault: fault }
  const wait = retryWait(attempts, retryAfterMs, context.random)
  if (fault === "gone" || now.getTime() - Date.parse(since) > givesUpAfterMs) {
    await tell(options, "DisableWebhook", { reason: fault === "gone" ? "gone" : "failing", position })
    return { ...failing, attempts: 0, failing_since: null }
  }
  if (wait !== undefined) return { ...failing, due_at: new Date(now.getTime() + wait).toISOString() }
  await tell(options, "RecordDeliveryAbandoned", { position, attempts, status, fault })
  return { ...failing, attempts: 0, due_at: null, position }
}

/** One attempt at a dead letter, out of its order, because somebody asked for it. */
async function retryDead(options: LaneOptions, webhook: Webhook, position: number): Promise<void> {
  const { context, feed, sender, signal } = options
  const [event] = await feed.next(position - 1, 0, signal).catch(archived)
  const reader = { token: webhook.owner, admin: webhook.owner === "admin" }
  const visible = event !== undefined && maySeeEvent(event, reader, context.projections.world)
  const { status, fault } = visible
    ? await sender.send(webhook, eventMessage(webhook, event), signal)
    : { status: null, fault: "not_found" }
  if (fault === null) await tell(options, "RecordDeliveryRecovered", { position })
  else await tell(options, "RecordDeliveryAbandoned", { position, attempts: 1, status, fault })
}

/** What cannot be read any more is not delivered; nothing waits for it. */
function archived(error: unknown): readonly StoredEvent[] {
  if (isArchiveMissing(error)) return []
  throw error
}

/** Reports; a webhook that is gone, or has become another, needs no report. */
async function tell(
  { context, name, webhookId }: LaneOptions,
  type: Parameters<typeof report>[1],
  data: object,
): Promise<void> {
  try {
    await report({ ...context, worker: "webhooks" }, type, { name, webhook_id: webhookId, ...data })
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.status >= 500) throw error
    context.log.info("webhook_report_void", { webhook: name, type, reason: reason(error) })
  }
}

/** Writes the note, for as long as it takes: what was delivered must not be forgotten over a store that is away. */
async function save(lane: Lane, note: DeliveryNote): Promise<void> {
  const { context, notes, writer, webhookId, signal } = lane
  while (!signal.aborted) {
    try {
      if (await notes.write(writer, webhookId, note)) return void (lane.noted = note.position)
      throw new GatehouseError("invalid_state", "another worker leads")
    } catch (error) {
      if (!(error instanceof GatehouseError && error.code === "store_unavailable")) throw error
      context.log.debug("webhook_note_waits", { error: reason(error) })
      await sleep(lookMs, undefined, { signal }).catch(() => undefined)
    }
  }
}
