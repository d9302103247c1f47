import type { AuthorizationServer } from "./authorization-server.ts"
import { PageError } from "./oauth-error.ts"
import { timingSafeEqual } from "node:crypto"
import { randomSecret, sha256 } from "../platform/ids.ts"
import { cookie, readCookie, transactionCookie } from "./cookies.ts"
import type { Client } from "../events/oauth-client.ts"
import { clientOfDocument } from "./client-document.ts"
import { findClient, stands } from "./known-client.ts"
import { formActionSource } from "../events/redirect-uri.ts"
import type { H3Event } from "h3"
import { loginOrigins } from "./providers.ts"
import type { ResponseTarget } from "./authorization-response.ts"

/** A valid authorization request on its way to a code. Lives `OAUTH_SESSION_TIMEOUT` and is taken by each step that ends it. */
export interface Transaction extends ResponseTarget {
  readonly id: string
  readonly csrf: string
  /** Description of a client whose id is the URL of its document. */
  readonly document: Client["metadata"] | null
  /** What the code will be bound to; null where there is none. */
  readonly code: {
    readonly challenge: string
    readonly redirect_uri_given: boolean
    readonly jkt: string | null
  } | null
  readonly resources: readonly string[]
  readonly scope: readonly string[]
  readonly login_hint: string | null
  /** The person must prove themselves in this transaction: no older sign-in counts. */
  readonly fresh_login: boolean
  /** SHA-256 of the browser's binding cookie; null until consent, when that cookie does not exist yet. */
  readonly browser: string | null
}

/** Before the decision, and after it. Two kinds, so that no step can be skipped. */
export type Stage = "consent" | "login"

/** Stores a transaction for its next step. */
export function putTransaction(server: AuthorizationServer, stage: Stage, transaction: Transaction): Promise<void> {
  return server.ttl.put(stage, transaction.id, transaction, lifetime(server))
}

/** Life of a transaction, milliseconds; never above ten minutes, whatever is configured. */
export function lifetime({ config }: Pick<AuthorizationServer, "config">): number {
  return Math.min(config.OAUTH_SESSION_TIMEOUT, 600) * 1000
}

/** Reads a transaction and leaves it where it is. @throws PageError when there is none */
export async function peekTransaction(
  server: AuthorizationServer,
  stage: Stage,
  id: string | undefined,
): Promise<Transaction> {
  const transaction = id === undefined ? undefined : await server.ttl.peek(stage, id)
  if (transaction === undefined) throw expired()
  return transaction as Transaction
}

/** Takes a transaction: of two answers to the same page only one goes on. @throws PageError when there is none */
export async function takeTransaction(server: AuthorizationServer, stage: Stage, id: string): Promise<Transaction> {
  const transaction = await server.ttl.take(stage, id)
  if (transaction === undefined) throw expired()
  return transaction as Transaction
}

/** The page for everything that came too late, twice, or from another browser. */
export function expired(): PageError {
  return new PageError(400, "transaction_expired", "Sign-in expired", "Start again from your application.")
}

/**
 * A form post must come from a page of ours: `Origin` is the issuer. With `Referrer-Policy: no-referrer` browsers send
 * `Origin: null` (Fetch §3.2); then, or without it, `Sec-Fetch-Site`, which no page can set, must say same-origin.
 * @throws PageError
 */
export function requireOwnOrigin({ issuer }: AuthorizationServer, event: H3Event): void {
  const origin = event.req.headers.get("origin")
  const site = event.req.headers.get("sec-fetch-site")
  if (origin === issuer && (site === null || site === "same-origin")) return
  if ((origin === null || origin === "null") && site === "same-origin") return
  throw new PageError(403, "origin_not_allowed", "Not allowed", "This form can only be sent from its own page.")
}

/** @throws PageError when the token of the form is not the one that the page was given */
export function requireCsrf(transaction: Pick<Transaction, "csrf">, presented: string | undefined): void {
  if (presented === undefined || !sameText(presented, transaction.csrf))
    throw new PageError(403, "csrf_mismatch", "Not allowed", "This form is not from the page that you were shown.")
}

/** Binds a transaction to this browser; another one in progress keeps its cookie, so that two tabs work. */
export function bindToBrowser(server: AuthorizationServer, event: H3Event): { browser: string; setCookie: string } {
  const known = readCookie(event.req, transactionCookie)
  const value = known !== undefined && /^[A-Za-z0-9_-]{43}$/.test(known) ? known : randomSecret()
  return { browser: sha256(value), setCookie: cookie(transactionCookie, value, lifetime(server) / 1000) }
}

/** @throws PageError when the transaction is another browser's */
export function requireSameBrowser(transaction: Transaction, event: H3Event): void {
  const value = readCookie(event.req, transactionCookie)
  if (value === undefined || transaction.browser === null || !sameText(sha256(value), transaction.browser))
    throw expired()
}

/** The client of a transaction. @throws PageError when it was removed meanwhile */
export function clientOf(server: AuthorizationServer, { client_id, document }: Transaction): Client {
  const client = document === null ? findClient(server, client_id) : clientOfDocument(server, client_id, document)
  if (client === undefined || !stands(client, server.clock())) throw expired()
  return client
}

/** CSP sources that the forms of this transaction may lead to. */
export async function formActions(server: AuthorizationServer, { answer }: Transaction): Promise<string[]> {
  const back = leadsTo(answer)
  return ["'self'", ...(await loginOrigins(server)), ...back]
}

function leadsTo(answer: Transaction["answer"]): string[] {
  switch (answer.via) {
    case "redirect":
      return [formActionSource(answer.redirect_uri)]
    case "session":
      return answer.origin === null ? [] : [answer.origin]
    case "device":
      return []
  }
}

function sameText(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(a)), Buffer.from(sha256(b)))
}
