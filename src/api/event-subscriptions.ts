import { type EventFilter, maySeeEvent, wants } from "../projections/event-filter.ts"
import { type Logger, reason } from "../platform/log.ts"
import type { Caller } from "./caller.ts"
import type { EventFeed } from "../projections/event-feed.ts"
import { GatehouseError } from "../errors.ts"
import type { Projections } from "../projections/projections.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { setTimeout as sleep } from "node:timers/promises"

/** What a subscriber asks for. */
export interface SubscriptionRequest {
  /** Position that the subscriber has seen; what follows is what it gets. */
  readonly after: number
  readonly filter: EventFilter
}

/** News for one subscriber. Everything up to `position` was looked at. No events: it is a sign of life. */
export interface EventNews {
  readonly events: readonly StoredEvent[]
  readonly position: number
}

/** Why a subscription ended: from the node's side, or by its reader. */
export type SubscriptionEnd = "token_revoked" | "shutting_down" | "position_archived" | "too_slow" | "left"

/** One of the answers without an end that a token may have at a time. */
export interface SubscriptionPlace {
  readonly caller: Caller
  /** Aborted at the end; its reason is a {@link SubscriptionEnd}. */
  readonly signal: AbortSignal
  end(why: SubscriptionEnd): void
}

/** One open subscription. */
export interface EventSubscription extends SubscriptionPlace {
  /** Where it begins. */
  readonly position: number
  /** Waits for news, at most as long as a heartbeat. One call at a time. @returns undefined when the subscription has ended */
  next(): Promise<EventNews | undefined>
}

/** The open subscriptions of this node. */
export interface EventSubscriptions {
  /** Opens one. @throws GatehouseError `rate_limited` when the token has too many, `position_archived`, `archive_unavailable`, `shutting_down` */
  open(caller: Caller, request: SubscriptionRequest): Promise<EventSubscription>
  /**
   * A place among the caller's subscriptions for an answer that follows something else than the log; whoever takes it ends it.
   * It ends when the token is revoked or its value replaced. @throws GatehouseError `rate_limited`, `shutting_down`
   */
  hold(caller: Caller): SubscriptionPlace
  /** How many are open. */
  readonly count: number
  /** Ends all, and takes no more. */
  close(): void
}

/** What subscriptions are made of. */
export interface SubscriptionParts {
  readonly projections: Projections
  readonly feed: EventFeed
  readonly log: Logger
  /** Open subscriptions of one token on this node. */
  readonly mostPerToken: number
  /** Longest silence, milliseconds; 15 000. */
  readonly heartbeatMs?: number
}

const retryMs = 500
/** What a subscription waits for. */
const comesBack: ReadonlySet<string> = new Set(["store_unavailable", "archive_unavailable"])

/** Subscriptions to the log. Each sees what its token may see, and ends when that token is revoked or its value replaced. */
export function eventSubscriptions(parts: SubscriptionParts): EventSubscriptions {
  const { projections, feed, log, mostPerToken, heartbeatMs = 15_000 } = parts
  const open = new Set<SubscriptionPlace>()
  let closed = false
  const valid = ({ token, hash }: Caller) => projections.world.objects["api-token"].get(token)?.state.hash === hash
  projections.listen((events) => {
    if (!events.some(({ kind }) => kind === "api-token")) return
    for (const place of open) if (!valid(place.caller)) place.end("token_revoked")
  })

  /** What the feed has; nothing while the store or the archive is away. @returns undefined when the log begins later */
  async function page(after: number, waitMs: number, signal: AbortSignal) {
    try {
      return await feed.next(after, waitMs, signal)
    } catch (error) {
      if (error instanceof GatehouseError && error.code === "position_archived") return undefined
      if (!(error instanceof GatehouseError && comesBack.has(error.code))) throw error
      log.debug("subscription_waits_for_store", { error: reason(error) })
      await sleep(Math.min(retryMs, waitMs), undefined, { signal }).catch(() => undefined)
      return []
    }
  }

  function hold(caller: Caller): SubscriptionPlace {
    if (closed) throw new GatehouseError("shutting_down")
    const own = [...open].filter((other) => other.caller.token === caller.token)
    if (own.length >= mostPerToken)
      throw new GatehouseError("rate_limited", `this token has ${mostPerToken} subscriptions open already`, {
        retryAfter: 5,
      })
    const ending = new AbortController()
    const place: SubscriptionPlace = {
      caller,
      signal: ending.signal,
      end(why) {
        open.delete(place)
        ending.abort(why)
      },
    }
    open.add(place)
    // Nobody tells of a revocation that came before.
    if (!valid(caller)) place.end("token_revoked")
    return place
  }

  function subscription(place: SubscriptionPlace, { after, filter }: SubscriptionRequest): EventSubscription {
    const { caller, signal, end } = place
    let position = after
    return {
      ...place,
      position: after,
      async next() {
        const silentUntil = performance.now() + heartbeatMs
        for (;;) {
          const left = silentUntil - performance.now()
          if (left <= 0) return { events: [], position }
          const found = await page(position, left, signal)
          if (found === undefined) end("position_archived")
          if (signal.aborted || found === undefined) return undefined
          position = found.at(-1)?.position ?? position
          const { world } = projections
          const events = found.filter((event) => maySeeEvent(event, caller, world) && wants(filter, event))
          if (events.length > 0) return { events, position }
        }
      },
    }
  }

  return {
    async open(caller, request) {
      const place = hold(caller)
      try {
        await feed.next(request.after, 0, place.signal)
      } catch (error) {
        place.end("left")
        throw error
      }
      return subscription(place, request)
    },
    hold,
    get count() {
      return open.size
    },
    close() {
      closed = true
      for (const place of open) place.end("shutting_down")
    },
  }
}
