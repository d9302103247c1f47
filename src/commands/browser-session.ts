import * as z from "zod"
import { command, fact, requireAdmin } from "./decision.ts"
import { browserSessionEvents } from "../events/browser-session.ts"
import { find } from "../events/world.ts"

const SessionId = z.uuid()
const session = ({ session_id }: { session_id: string }) => ({ kind: "browser-session" as const, id: session_id })

/** Ends a signed-in browser before its time, whatever still holds a cookie of it. */
const EndBrowserSession = command(
  browserSessionEvents.BrowserSessionEnded.extend({ session_id: SessionId }),
  session,
  ({ session_id, ...data }, world, context) => {
    requireAdmin(context)
    const known = find(world, "browser-session", session_id) !== undefined || data.expires_at <= context.now
    return { events: known ? [] : [fact("browser-session", session_id, "BrowserSessionEnded", data)] }
  },
)

/** Forgets ended sessions that would be over by now anyway. */
const ForgetBrowserSessions = command(
  z.strictObject({ session_ids: z.array(SessionId).min(1).max(200) }),
  () => ({ kind: "browser-session" as const, id: "" }),
  ({ session_ids }, world, context) => {
    requireAdmin(context)
    const over = [...new Set(session_ids)].filter((id) => {
      const ended = find(world, "browser-session", id)
      return ended !== undefined && ended.expires_at <= context.now
    })
    return { events: over.map((id) => fact("browser-session", id, "BrowserSessionForgotten", {})) }
  },
)

/** Commands about signed-in browsers. */
export const browserSessionCommands = { EndBrowserSession, ForgetBrowserSessions } as const
