import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant } from "./values.ts"

/** Events of a signed-in browser, as far as they outlive its key; the aggregate's id is the session's public id. */
export const browserSessionEvents = {
  BrowserSessionEnded: z.strictObject({
    subject: z.string(),
    /** When it would have ended anyway: from then on this need not be remembered. */
    expires_at: Instant,
    reason: z.enum(["user", "admin"]),
  }),
  BrowserSessionForgotten: z.strictObject({}),
} as const

/** Event of a signed-in browser. */
export type BrowserSessionEvent = EventOf<typeof browserSessionEvents>

/** A session that was ended before its time: every cookie that names it is void. */
export interface EndedBrowserSession extends Readonly<z.infer<typeof browserSessionEvents.BrowserSessionEnded>> {
  readonly session_id: string
  readonly ended_at: string
}

/** Folds a browser session's events. */
export const evolveBrowserSession: Evolve<EndedBrowserSession, BrowserSessionEvent> = (_state, event, at) => {
  switch (event.type) {
    case "BrowserSessionEnded":
      return { session_id: event.id, ...event.data, ended_at: at }
    case "BrowserSessionForgotten":
      return undefined
  }
}
