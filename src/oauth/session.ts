import type { AuthorizationServer } from "./authorization-server.ts"
import type { H3Event } from "h3"
import type { User } from "./user.ts"
import { cookie, readCookie, sessionCookie } from "./cookies.ts"
import { find } from "../events/world.ts"
import { randomSecret } from "../platform/ids.ts"

const idleMs = 8 * 3_600_000
const absoluteMs = 7 * 24 * 3_600_000

/** A signed-in browser. */
export interface BrowserSession {
  readonly user: User
  /** Hash of the API token that it was opened with: another token under the same name ends it. Null for other providers. */
  readonly credential: string | null
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
  const session: BrowserSession = { user, credential, ends: server.clock().getTime() + absoluteMs }
  await server.ttl.put("session", id, session, idleMs)
  return cookie(sessionCookie, id, absoluteMs / 1000)
}

/** The session of this browser, used once more; undefined when there is none or its account is gone. */
export async function currentSession(server: AuthorizationServer, event: H3Event): Promise<BrowserSession | undefined> {
  const id = readCookie(event.req, sessionCookie)
  if (id === undefined) return undefined
  const session = (await server.ttl.peek("session", id)) as BrowserSession | undefined
  const left = session === undefined ? 0 : session.ends - server.clock().getTime()
  if (session === undefined || left <= 0 || !credentialStands(server, session)) return undefined
  await server.ttl.put("session", id, session, Math.min(idleMs, left))
  return session
}

function credentialStands({ projections }: AuthorizationServer, { user, credential }: BrowserSession): boolean {
  if (credential === null) return true
  return find(projections.world, "api-token", user.username.toLowerCase())?.hash === credential
}
