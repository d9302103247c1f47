import { type AuthorizationServer, clientAddress, oauthActor } from "./authorization-server.ts"
import { cookie, readCookie, sessionCookie } from "./cookies.ts"
import { randomSecret } from "../platform/ids.ts"
import type { H3Event } from "h3"
import type { User } from "./user.ts"
import { done } from "./done.ts"
import { find } from "../events/world.ts"
import { randomUUID } from "node:crypto"

const idleMs = 8 * 3_600_000
const absoluteMs = 7 * 24 * 3_600_000

/** A signed-in browser. */
export interface BrowserSession {
  /** Names the session without opening it: for lists, for the log, and for cookies of other hosts. */
  readonly session_id: string
  readonly user: User
  /** Hash of the API token that it was opened with: another token under the same name ends it. Null for other providers. */
  readonly credential: string | null
  /** For the forms that it sends. */
  readonly csrf: string
  readonly ip: string
  /** Milliseconds since the epoch. */
  readonly opened: number
  readonly seen: number
  /** When it ends whatever happens, milliseconds since the epoch. */
  readonly ends: number
}

/** Opens a session, in place of the one that this browser may have. @returns its cookie */
export async function openSession(
  server: AuthorizationServer,
  event: H3Event,
  user: User,
  credential: string | null,
): Promise<string> {
  const previous = readCookie(event.req, sessionCookie)
  if (previous !== undefined) await server.ttl.remove("session", previous)
  const id = randomSecret()
  const now = server.clock().getTime()
  const session: BrowserSession = {
    session_id: randomUUID(),
    user,
    credential,
    csrf: randomSecret(),
    ip: clientAddress(event),
    opened: now,
    seen: now,
    ends: now + absoluteMs,
  }
  await server.ttl.put("session", id, session, idleMs, { facets: [session.session_id] })
  return cookie(sessionCookie, id, absoluteMs / 1000)
}

/** The session of this browser, used once more; undefined when there is none, it was ended, or its account is gone. */
export async function currentSession(server: AuthorizationServer, event: H3Event): Promise<BrowserSession | undefined> {
  const id = readCookie(event.req, sessionCookie)
  if (id === undefined) return undefined
  const session = (await server.ttl.peek("session", id)) as BrowserSession | undefined
  const now = server.clock().getTime()
  const left = session === undefined ? 0 : session.ends - now
  if (session === undefined || left <= 0 || !stillGood(server, session)) return undefined
  const line = { facets: [session.session_id] }
  await server.ttl.put("session", id, { ...session, seen: now }, Math.min(idleMs, left), line)
  return session
}

/**
 * Ends this browser's session everywhere: its key, and by an event whatever cookie of another host names it.
 * @returns the `Set-Cookie` that removes its cookie
 */
export async function endSession(
  server: AuthorizationServer,
  event: H3Event,
  session: BrowserSession,
): Promise<string> {
  const { session_id, user, ends } = session
  const data = { session_id, subject: user.subject, expires_at: new Date(ends).toISOString(), reason: "user" }
  done(
    await server.bus.execute({
      type: "EndBrowserSession",
      data,
      actor: { ...oauthActor, name: `oauth:${user.subject}` },
    }),
  )
  await server.ttl.remove("session", readCookie(event.req, sessionCookie) ?? "")
  server.log.info("oauth_session_ended", { session_id, subject: user.subject })
  return cookie(sessionCookie, "", 0)
}

function stillGood({ projections }: AuthorizationServer, { session_id, user, credential }: BrowserSession): boolean {
  if (find(projections.world, "browser-session", session_id) !== undefined) return false
  if (credential === null) return true
  return find(projections.world, "api-token", user.username.toLowerCase())?.hash === credential
}
