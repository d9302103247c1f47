import * as z from "zod"
import { AcmeError, type AcmeProblem, readProblem } from "./acme-error.ts"
import { acmeTransport, libraryAdapter } from "./acme-transport.ts"

const problem = z.unknown().transform(readProblem).optional()

const Url = z.url().max(2048)

const Order = z.object({
  url: Url,
  status: z.enum(["pending", "ready", "processing", "valid", "invalid"]),
  authorizations: z.array(Url).min(1).max(100),
  finalize: Url,
  certificate: Url.optional(),
  error: problem,
})

const Challenge = z.object({
  type: z.string(),
  url: Url.optional(),
  status: z.enum(["pending", "processing", "valid", "invalid"]).optional(),
  token: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,512}$/)
    .optional(),
  error: problem,
})

const Authorization = z.object({
  url: Url,
  status: z.enum(["pending", "valid", "invalid", "deactivated", "expired", "revoked"]),
  identifier: z.object({ type: z.string(), value: z.string().max(255) }),
  challenges: z.array(Challenge),
})

/** Order object (RFC 8555 §7.1.3) with its URL. */
export type AcmeOrder = z.infer<typeof Order>
/** Authorization object (RFC 8555 §7.1.4) with its URL. */
export type AcmeAuthorization = z.infer<typeof Authorization>
/** An http-01 challenge (RFC 8555 §8.3). */
export interface HttpChallenge {
  readonly url: string
  readonly token: string
  readonly status: string
  readonly error: AcmeProblem | undefined
}

/**
 * One account's conversation with one ACME directory. Every call rejects with {@link AcmeError}, or with the signal's
 * reason when that is aborted; no call outlives its deadline.
 */
export interface AcmeSession {
  /** Registers the account key (RFC 8555 §7.3), agreeing to the terms of service. @returns account URL */
  register(email: string | null): Promise<string>
  /** @param replaces id of the certificate that the new one takes the place of (RFC 9773 §5) */
  createOrder(domains: readonly string[], replaces?: string): Promise<AcmeOrder>
  order(url: string): Promise<AcmeOrder>
  authorization(url: string): Promise<AcmeAuthorization>
  /** What the http-01 validator must find under the token (RFC 8555 §8.1). */
  keyAuthorization(token: string): Promise<string>
  /** Tells the CA that the answer is in place. */
  answer(challenge: HttpChallenge): Promise<void>
  finalize(order: AcmeOrder, csrPem: string): Promise<AcmeOrder>
  /** Chain of a valid order, as the CA sent it. */
  download(order: AcmeOrder): Promise<string>
  close(): Promise<void>
}

/** Where and as whom to talk, and for how long. */
export interface AcmeSessionOptions {
  readonly directoryUrl: string
  /** PKCS #8, PEM. */
  readonly accountKeyPem: string
  /** Absent before registration. */
  readonly accountUrl?: string
  /** Ends every call. */
  readonly signal: AbortSignal
  /** Deadline of one HTTP call, milliseconds. */
  readonly timeoutMs: number
  readonly now: () => Date
}

/** Calls that may be sent again when their answer was lost. */
const retries = 2

/** Opens a session; nothing is sent yet. */
export async function acmeSession(options: AcmeSessionOptions): Promise<AcmeSession> {
  // With the first session, not with the node: loading it would be a fifth of what a start costs.
  const { Client, axios } = await import("acme-client")
  // The library's own adapter sleeps through Retry-After, has no timeout and loses the cause of a failed connection.
  axios.defaults.adapter = libraryAdapter
  const transport = acmeTransport(options.directoryUrl, options.signal, options.timeoutMs, options.now)
  const client = new Client({
    directoryUrl: options.directoryUrl,
    accountKey: options.accountKeyPem,
    ...(options.accountUrl !== undefined && { accountUrl: options.accountUrl }),
  })
  type LibraryOrder = Parameters<typeof client.getOrder>[0]
  type LibraryChallenge = Parameters<typeof client.completeChallenge>[0]
  const at = (url: string) => ({ url }) as LibraryOrder

  const register = async (email: string | null) => {
    const contact = email === null ? {} : { contact: [`mailto:${email}`] }
    await client.createAccount({ termsOfServiceAgreed: true, ...contact })
    return client.getAccountUrl()
  }
  return {
    register: (email) => transport.call(() => register(email), retries),
    createOrder: (domains, replaces) =>
      transport
        .call(async () => {
          const identifiers = domains.map((value) => ({ type: "dns", value }))
          return read(Order, await client.createOrder({ identifiers, ...(replaces !== undefined && { replaces }) }))
        }, 0)
        .catch(refuseAccount),
    order: (url) => transport.call(async () => read(Order, await client.getOrder(at(url))), retries),
    authorization: (url) =>
      transport.call(async () => {
        const [found] = await client.getAuthorizations({ authorizations: [url] } as unknown as LibraryOrder)
        return read(Authorization, found)
      }, retries),
    keyAuthorization: (token) => client.getChallengeKeyAuthorization({ type: "http-01", token } as LibraryChallenge),
    answer: (challenge) =>
      transport.call(async () => {
        await client.completeChallenge(challenge as unknown as LibraryChallenge)
      }, 0),
    finalize: (order, csrPem) =>
      transport.call(async () => read(Order, await client.finalizeOrder(order as unknown as LibraryOrder, csrPem)), 0),
    download: (order) =>
      transport.call(async () => {
        if (order.status !== "valid" || order.certificate === undefined)
          throw new AcmeError("acme_bad_answer", "a valid order without a certificate")
        return read(z.string(), await client.getCertificate(order as unknown as LibraryOrder))
      }, retries),
    close: () => transport.close(),
  }
}

/** The http-01 challenge of an authorization. @throws AcmeError `acme_authorization_failed` when the CA offers none */
export function httpChallenge({ challenges, identifier }: AcmeAuthorization): HttpChallenge {
  const found = challenges.find(({ type }) => type === "http-01")
  if (found?.url === undefined || found.token === undefined)
    throw new AcmeError("acme_authorization_failed", `the CA offers no http-01 challenge for ${identifier.value}`)
  return { url: found.url, token: found.token, status: found.status ?? "pending", error: found.error }
}

/** Problems that a new order has only when its account is deactivated or has not agreed to the present terms of service. */
const accountProblems: ReadonlySet<string | undefined> = new Set(["unauthorized", "userActionRequired"])

function refuseAccount(error: unknown): never {
  if (!(error instanceof AcmeError) || !accountProblems.has(error.problem)) throw error
  throw new AcmeError("acme_account_lost", error.message, { cause: error })
}

function read<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new AcmeError("acme_bad_answer", `unexpected answer: ${issue?.path.join(".")} ${issue?.message}`)
}
