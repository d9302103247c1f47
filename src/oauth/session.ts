import { type AuthorizationServer, clientAddress } from "./authorization-server.ts"
import { oauthActor } from "./oauth-actor.ts"
import { cookie, readCookie, sessionCookie } from "./cookies.ts"
import { digest, randomSecret } from "../platform/ids.ts"
import type { H3Event } from "h3"
import type { User } from "./user.ts"
import { done } from "./done.ts"
import { find } from "../events/world.ts"
import { randomUUID } from "node:crypto"

const idleMs = 8 * 3_600_000
const absoluteMs = 7 * 24 * 3_600_000

/** A signed-in browser. */
export interface BrowserSession extends StoredSession {
  /** SHA-256 of its cookie: finds the record and opens nothing. */
  readonly handle: string
}

interface StoredSession {
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
  const kept = previous === undefined ? undefined : await replace(server, digest(previous), user)
  const id = randomSecret()
  const now = server.clock().getTime()
  const session: StoredSession = {
    session_id: kept ?? randomUUID(),
    user,
    credential,
    csrf: randomSecret(),
    ip: clientAddress(event),
    opened: now,
    seen: now,
    ends: now + absoluteMs,
  }
  await server.ttl.put("session", digest(id), session, idleMs, { facets: [session.session_id] })
  return cookie(sessionCookie, id, absoluteMs / 1000)
}

/** The session of this browser, used once more; undefined when there is none, it was ended, or its account is gone. */
export async function currentSession(server: AuthorizationServer, event: H3Event): Promise<BrowserSession | undefined> {
  const id = readCookie(event.req, sessionCookie)
  return id === undefined ? undefined : sessionOf(server, digest(id))
}

/** A session by its handle, used once more; undefined when there is none, it was ended, or its account is gone. */
export async function sessionOf(server: AuthorizationServer, handle: string): Promise<BrowserSession | undefined> {
  const session = (await server.ttl.peek("session", handle)) as StoredSession | undefined
  const now = server.clock().getTime()
  const left = session === undefined ? 0 : session.ends - now
  if (session === undefined || left <= 0 || !stillGood(server, session)) return undefined
  const line = { facets: [session.session_id] }
  await server.ttl.put("session", handle, { ...session, seen: now }, Math.min(idleMs, left), line)
  return { ...session, handle }
}

/**
 * Ends this browser's session everywhere: its key, and by an event whatever cookie of another host names it.
 * @returns the `Set-Cookie` that removes its cookie
 */
export async function endSession(server: AuthorizationServer, session: BrowserSession): Promise<string> {
  await recordEnd(server, session)
  await server.ttl.remove("session", session.handle)
  server.log.info("oauth_session_ended", { session_id: session.session_id, subject: session.user.subject })
  return cookie(sessionCookie, "", 0)
}

async function recordEnd(server: AuthorizationServer, { session_id, user, ends }: StoredSession): Promise<void> {
  const data = { session_id, subject: user.subject, expires_at: new Date(ends).toISOString(), reason: "user" }
  const actor = { ...oauthActor, name: `oauth:${user.subject}` }
  done(await server.bus.execute({ type: "EndBrowserSession", data, actor }))
}

/**
 * The session before gives way: under a new secret when it is the same person's, so that signing out later ends the cookies that
 * hosts set under the old one too; somebody else's ends, so that no host takes the browser for them any more.
 * @returns its public id where it lives on
 */
async function replace(server: AuthorizationServer, handle: string, user: User): Promise<string | undefined> {
  const session = (await server.ttl.take("session", handle)) as StoredSession | undefined
  if (session === undefined || !stillGood(server, session)) return undefined
  if (session.user.subject === user.subject) return session.session_id
  await recordEnd(server, session)
  return undefined
}

function stillGood({ projections }: AuthorizationServer, { session_id, user, credential }: StoredSession): boolean {
  if (find(projections.world, "browser-session", session_id) !== undefined) return false
  if (credential === null) return true
  return find(projections.world, "api-token", user.username.toLowerCase())?.hash === credential
}
