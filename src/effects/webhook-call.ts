import { Agent, request } from "undici"
import { type AddressClass, classifyAddress, isGlobalAddress, parseAddress } from "../events/target-address.ts"
import type { LookupFunction } from "node:net"
import { isIP } from "node:net"
import { callbackify } from "node:util"
import { lookup as systemLookup } from "node:dns/promises"

/** Why a message did not get through; stable, and of nothing that the receiver could choose freely. */
export type DeliveryFault =
  | "name_unknown"
  | "address_not_allowed"
  | "https_required"
  | "unreachable"
  | "timeout"
  | "redirect"
  | "gone"
  | "refused"
  | "secret_missing"

/** What came of one attempt. */
export interface DeliveryResult {
  /** HTTP status of the answer; null when there was none. */
  readonly status: number | null
  /** null when it was taken. */
  readonly fault: DeliveryFault | null
  /** Milliseconds that the receiver asked to be left alone. */
  readonly retryAfterMs: number
}

/** What calls to the addresses that owners choose are made of. */
export interface WebhookCallParts {
  /** May a token have this address dialled? */
  readonly mayDial: (address: string, port: number, owner: string) => boolean
  readonly timeoutMs: number
  /** Addresses of a name; the system's resolver by default. */
  readonly resolve?: ((hostname: string) => Promise<readonly string[]>) | undefined
  /** Certificates to trust instead of the usual ones. */
  readonly ca?: string | undefined
}

/** A line to one receiver; its connection is used again. */
export interface WebhookLine {
  post(body: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<DeliveryResult>
  close(): Promise<void>
}

class DialError extends Error {
  readonly fault: DeliveryFault

  constructor(fault: DeliveryFault) {
    super(fault)
    this.fault = fault
  }
}

/**
 * A line to a receiver under the rules for addresses that others choose (SSRF): the name is resolved here at every dial, all of
 * its addresses must be allowed, and only these are dialled, under the original name; redirects are not followed; one deadline
 * covers everything; of the answer only the status is used. In clear it goes to private addresses alone.
 * @param owner token whose rights decide
 */
export function webhookLine(url: string, owner: string, parts: WebhookCallParts): WebhookLine {
  const { mayDial, timeoutMs, resolve = addressesOf, ca } = parts
  const { protocol, hostname, port: given } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, "")
  const port = Number(given || (protocol === "https:" ? 443 : 80))

  const check = (addresses: readonly string[]) => {
    if (addresses.length === 0) throw new DialError("name_unknown")
    const classes = new Set<AddressClass>(addresses.map(classifyAddress))
    // All of them: whoever answers for the name could mix one that is allowed with one that is not.
    const allowed = (address: string) =>
      mayDial(address, port, owner) && (isGlobalAddress(address) || classifyAddress(address) === "private")
    if (!addresses.every(allowed)) throw new DialError("address_not_allowed")
    if (protocol === "http:" && classes.has("public")) throw new DialError("https_required")
    return addresses
  }
  const checked = callbackify(async (name: string) => {
    const found = await resolve(name).catch(() => [])
    return check(found).map((address) => ({ address, family: isIP(address) }))
  })
  const lookup: LookupFunction = (name, options, callback) =>
    checked(name, (error, entries) => {
      if (error !== null) callback(error, "")
      else if (options.all === true) callback(null, entries)
      else callback(null, entries[0]!.address, entries[0]!.family)
    })
  const agent = new Agent({
    allowH2: false,
    connections: 1,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    maxHeaderSize: 16_384,
    connect: { lookup, timeout: timeoutMs, ...(ca !== undefined && { ca }) },
  })

  return {
    async post(body, headers, signal) {
      const deadline = AbortSignal.timeout(timeoutMs)
      try {
        // A literal is dialled without being looked up.
        if (parseAddress(host) !== undefined) check([host])
        const response = await request(url, {
          dispatcher: agent,
          method: "POST",
          body,
          headers: { "content-type": "application/json", "user-agent": "gatehouse", ...headers },
          signal: AbortSignal.any([signal, deadline]),
        })
        await response.body.dump({ limit: 16_384 })
        return result(response.statusCode, response.headers["retry-after"])
      } catch (error) {
        if (signal.aborted) throw error
        const fault = error instanceof DialError ? error.fault : deadline.aborted ? "timeout" : faultOf(error)
        return { status: null, fault, retryAfterMs: 0 }
      }
    },
    close: () => agent.destroy(),
  }
}

function faultOf(error: unknown): DeliveryFault {
  const { cause, code } = error as { cause?: unknown; code?: string }
  if (cause instanceof DialError) return cause.fault
  return /TIMEOUT/.test(code ?? "") ? "timeout" : "unreachable"
}

function result(status: number, retryAfter: string | string[] | undefined): DeliveryResult {
  const seconds = Number(retryAfter)
  const date = Date.parse(String(retryAfter)) - Date.now()
  const asked = Number.isFinite(seconds) ? seconds * 1000 : Number.isFinite(date) ? date : 0
  const fault =
    status >= 200 && status < 300
      ? null
      : status >= 300 && status < 400
        ? "redirect"
        : status === 410
          ? "gone"
          : "refused"
  return { status, fault, retryAfterMs: Math.max(0, asked) }
}

async function addressesOf(hostname: string): Promise<readonly string[]> {
  const found = await systemLookup(hostname, { all: true })
  return found.map(({ address }) => address)
}
