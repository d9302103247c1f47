import { type AuthorizationServer, clientLifeEnds } from "./authorization-server.ts"
import { DocumentError, requireAllowedHost } from "./document-fetch.ts"
import type { Client } from "../events/oauth-client.ts"
import { OAuthError } from "./oauth-error.ts"
import type { H3Event } from "h3"
import { documentLimit, limit } from "./limits.ts"
import { find } from "../events/world.ts"
import { reason } from "../platform/log.ts"
import { registeredMetadata } from "./client-metadata.ts"

type Metadata = Client["metadata"]

/** A document as it was read, kept for logins and refreshes. */
interface Copy {
  readonly metadata: Metadata
  /** Milliseconds since the epoch. */
  readonly fetched_at: number
  /** Until then it is used without asking again. */
  readonly fresh_until: number
}

const longestUrl = 2048
const maxBytes = 5 * 1024
const shortestMs = 60_000
const longestMs = 86_400_000

/** Is this client id the URL of a metadata document (OAuth Client ID Metadata Document §3)? */
export function isDocumentUrl(clientId: string): boolean {
  return /^https:/i.test(clientId)
}

/**
 * The client whose id is the URL of its own description. Read when somebody is about to be asked for consent.
 * @throws DocumentError with words for the person in front of the browser
 */
export async function documentClient(server: AuthorizationServer, event: H3Event, url: string): Promise<Client> {
  requireDocumentUrl(url)
  requireHost(server, url)
  const copy = await fresh(server, url)
  if (copy !== undefined) return clientOfDocument(server, url, copy.metadata)
  await limit(server, event, "document")
  return clientOfDocument(server, url, await read(server, url))
}

/**
 * A client of this kind that somebody allowed before, as its document is now. A site that fails leaves the last good copy in use
 * for a day; a document that will not do any more ends that at once.
 * @throws OAuthError `temporarily_unavailable`, `invalid_client`
 */
export async function currentClient(server: AuthorizationServer, known: Client): Promise<Client> {
  const url = known.client_id
  const copy = await cached(server, url)
  try {
    requireHost(server, url)
    if (copy !== undefined && copy.fresh_until > server.clock().getTime()) return { ...known, metadata: copy.metadata }
    return { ...known, metadata: await read(server, url) }
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    const kept = copy !== undefined && !error.final
    server.log.warning("oauth_client_document_unusable", { client_id: url, reason: error.fault, kept })
    if (kept) return { ...known, metadata: await keepLonger(server, url, copy) }
    if (error.final) throw new OAuthError("invalid_client", "the client's metadata document cannot be used")
    throw new OAuthError("temporarily_unavailable", "the client's metadata document cannot be read now", {
      headers: { "retry-after": "60" },
    })
  }
}

/** A client as its document describes it; what administrators decided about it still counts. */
export function clientOfDocument(server: AuthorizationServer, url: string, metadata: Metadata): Client {
  const known = find(server.projections.world, "client", url)
  // Whoever allows it now starts its life anew, so an end that has passed and was not swept yet does not count.
  if (known !== undefined) return { ...known, metadata, expires_at: clientLifeEnds(server) }
  const now = server.clock().toISOString()
  const nothing = {
    secret_hash: null,
    registration_token_hash: null,
    owner: null,
    disabled: false,
    vouched: false,
    used_at: null,
  }
  return { client_id: url, kind: "cimd", metadata, ...nothing, created_at: now, expires_at: clientLifeEnds(server) }
}

/** §3 of the draft: https, a path, one spelling, and nothing in it that could name something else. @throws DocumentError */
function requireDocumentUrl(text: string): void {
  const url = URL.parse(text)
  const refuse = (message: string) => new DocumentError("url_not_allowed", message)
  if (text.length > longestUrl || url?.protocol !== "https:") throw refuse("its address is not an https URL")
  if (url.href !== text || text.includes("?") || text.includes("#") || url.username !== "" || url.password !== "")
    throw refuse(
      "its address must have no user information, query, fragment or dot segments, and be spelled canonically",
    )
  if (url.pathname === "/") throw refuse("its address must have a path")
  if (/%2e|%2f|%5c/i.test(url.pathname)) throw refuse("its address must not hide dots or slashes")
}

/** Also of a copy: an operator's list counts from the restart that brings it. @throws DocumentError */
function requireHost({ config }: AuthorizationServer, url: string): void {
  const { OAUTH_CIMD_ALLOWED_HOSTS: allowedHosts, OAUTH_CIMD_DENIED_HOSTS: deniedHosts } = config
  requireAllowedHost(new URL(url).hostname, { allowedHosts, deniedHosts })
}

async function fresh(server: AuthorizationServer, url: string): Promise<Copy | undefined> {
  const copy = await cached(server, url)
  return copy !== undefined && copy.fresh_until > server.clock().getTime() ? copy : undefined
}

async function cached(server: AuthorizationServer, url: string): Promise<Copy | undefined> {
  const copy = (await server.ttl.peek("cimd", url)) as Copy | undefined
  return copy !== undefined && server.clock().getTime() - copy.fetched_at < longestMs ? copy : undefined
}

async function read(server: AuthorizationServer, url: string): Promise<Metadata> {
  // A client that somebody allowed before counts for itself: who asks for made-up ones of its host must not end its logins.
  const known = find(server.projections.world, "client", url) !== undefined
  await server.limiter.hit(`document\n${known ? url : new URL(url).hostname}`, documentLimit)
  const { value, maxAge, noStore } = await server.documents(url, maxBytes)
  const metadata = documentMetadata(server, url, value)
  const now = server.clock().getTime()
  const freshMs = Math.min(Math.max((maxAge ?? 0) * 1000, shortestMs), longestMs)
  if (!noStore) await keep(server, url, { metadata, fetched_at: now, fresh_until: now + freshMs })
  return metadata
}

/** A cache that cannot be written costs another read later, no more. */
async function keep(server: AuthorizationServer, url: string, copy: Copy): Promise<void> {
  try {
    await server.ttl.put("cimd", url, copy, copy.fetched_at + longestMs - server.clock().getTime())
  } catch (error) {
    server.log.warning("oauth_client_document_not_kept", { client_id: url, error: reason(error) })
  }
}

/** The last good copy for another minute, so that a site that is away is not asked at every request. */
async function keepLonger(server: AuthorizationServer, url: string, copy: Copy): Promise<Metadata> {
  await keep(server, url, { ...copy, fresh_until: server.clock().getTime() + shortestMs })
  return copy.metadata
}

/** §4 of the draft: the document names itself, has a name and redirect URIs, and no secret that two could share. */
function documentMetadata(server: AuthorizationServer, url: string, value: unknown): Metadata {
  const refuse = (message: string) => new DocumentError("not_acceptable", message)
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw refuse("it is not a JSON object")
  const document = value as Record<string, unknown>
  if (document["client_id"] !== url) throw refuse("its client_id is not its own address")
  if (typeof document["client_name"] !== "string") throw refuse("it has no client_name")
  if (!Array.isArray(document["redirect_uris"])) throw refuse("it has no redirect_uris")
  if ("client_secret" in document || "client_secret_expires_at" in document) throw refuse("it holds a client secret")
  const method = document["token_endpoint_auth_method"] ?? "none"
  if (method !== "none" && method !== "private_key_jwt")
    throw refuse("its token_endpoint_auth_method is neither none nor private_key_jwt")
  try {
    const metadata = registeredMetadata(server, document, "none")
    if (metadata.client_name === undefined) throw refuse("its client_name is empty")
    return metadata
  } catch (error) {
    if (error instanceof OAuthError) throw refuse(error.message)
    throw error
  }
}
