/** What can go wrong with a CA, by stable codes. */
export type AcmeCode =
  | "acme_unreachable"
  | "acme_rate_limited"
  | "acme_order_invalid"
  | "acme_authorization_failed"
  | "acme_account_lost"
  | "acme_bad_answer"

/** A failed step of an order. The message is for people and holds no secret. */
export class AcmeError extends Error {
  override name = "AcmeError"
  readonly code: AcmeCode
  /** Milliseconds that the CA asked us to wait. */
  readonly retryAfter: number | undefined
  /** No attempt can succeed before somebody changes something. */
  readonly permanent: boolean
  /** The CA's error type without its prefix (RFC 8555 §6.7), where it gave one. */
  readonly problem: string | undefined

  constructor(
    code: AcmeCode,
    detail: string,
    options: { retryAfter?: number; permanent?: boolean; problem?: string; cause?: unknown } = {},
  ) {
    super(printable(detail), { cause: options.cause })
    this.code = code
    this.retryAfter = options.retryAfter
    this.permanent = options.permanent ?? false
    this.problem = options.problem
  }
}

/** A problem document of a CA (RFC 8555 §6.7), as far as it is well-formed. */
export interface AcmeProblem {
  readonly type: string
  readonly detail: string
}

const prefix = "urn:ietf:params:acme:error:"

/** Refusals that stand until the request or the account changes. */
const permanentTypes = new Set([
  "externalAccountRequired",
  "invalidContact",
  "rejectedIdentifier",
  "unsupportedContact",
  "unsupportedIdentifier",
])

/** Reads a problem document, or the `error` member of an order or challenge. */
export function readProblem(value: unknown): AcmeProblem | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const { type, detail, subproblems } = value as Record<string, unknown>
  if (typeof type !== "string" || !type.startsWith(prefix)) return undefined
  const inner = Array.isArray(subproblems) ? subproblems.map(readProblem).filter((each) => each !== undefined) : []
  const texts = [detail, ...inner.map((each) => `${each.type}: ${each.detail}`)]
  return { type: type.slice(prefix.length), detail: texts.filter((text) => typeof text === "string").join("; ") }
}

/** The error that an answer with a status of 400 or more stands for. */
export function refusalOf(status: number, problem: AcmeProblem | undefined, retryAfter: number | undefined): AcmeError {
  const detail = problem === undefined ? `the CA answered ${status}` : `${problem.type}: ${problem.detail}`
  const options = { ...(retryAfter !== undefined && { retryAfter }), ...(problem && { problem: problem.type }) }
  if (status === 429 || problem?.type === "rateLimited") return new AcmeError("acme_rate_limited", detail, options)
  if (status >= 500) return new AcmeError("acme_unreachable", detail, options)
  if (problem === undefined) return new AcmeError("acme_bad_answer", detail, options)
  if (problem.type === "accountDoesNotExist") return new AcmeError("acme_account_lost", detail, options)
  return new AcmeError("acme_order_invalid", detail, { ...options, permanent: permanentTypes.has(problem.type) })
}

const shortest = 1000
const longest = 24 * 3_600_000

/**
 * Milliseconds that a `Retry-After` header asks for (RFC 9110 §10.2.3), between one second and a day; undefined for what
 * is absent, negative, past or neither seconds nor an HTTP date.
 */
export function retryAfterOf(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  const asDate = /^[A-Za-z]{3},? .* GMT$/.test(text) ? Date.parse(text) - now.getTime() : Number.NaN
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : asDate
  if (!(milliseconds > 0)) return undefined
  return Math.min(Math.max(milliseconds, shortest), longest)
}

/** One line of at most 500 characters: what a CA writes ends up in events and on screens. */
function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e\u00a0-\uffff]+/g, " ")
    .trim()
    .slice(0, 500)
}
