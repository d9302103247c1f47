import type { LookupAddress, LookupAllOptions } from "node:dns"
import { type LookupFunction, isIP } from "node:net"
import { lookup } from "node:dns"
import { getCACertificates } from "node:tls"

/** A host of this node's own, and the way to it that clients do not have: over loopback. */
export interface OwnHosts {
  /** Is this an authority (host and port) that this node serves? */
  readonly serves: (authority: string) => boolean
  /** Where its public listener is, seen from this machine. */
  readonly address: string
  readonly port: () => number
  /** Certificate of the internal CA (PEM), where there is one. */
  readonly internalCa: () => string | undefined
}

/** What was asked. */
export interface Asking {
  readonly method?: "GET" | "POST" | "DELETE" | "OPTIONS"
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What was answered. */
export interface Answered {
  readonly url: string
  readonly status: number
  /** Several of one name are joined by commas (RFC 9110 §5.3). */
  header(name: string): string | undefined
  /** At most {@link longestBody} characters. */
  readonly text: string
  /** The body as a JSON object, or undefined. */
  readonly json: Readonly<Record<string, unknown>> | undefined
}

/** HTTP calls of one investigation: never follows a redirect, ends within seconds, reads little. */
export interface Reach {
  /** MCP revision that a client of ours opens with. */
  readonly protocolVersion: string
  /** @throws Unreachable */
  ask(url: string, asking?: Asking): Promise<Answered>
  close(): Promise<void>
}

/** No answer came; the message says why, in words and without addresses. */
export class Unreachable extends Error {
  override name = "Unreachable"
}

/** What connections may be made to. */
export interface ReachOptions {
  readonly own: OwnHosts
  /** @param host that it is an address of; the address itself where there is no name */
  readonly allow: (address: string, host: string) => boolean
  readonly signal: AbortSignal
  /** OAUTH_MCP_PROTOCOL_VERSION; the revision that every server knows unless said otherwise. */
  readonly protocolVersion?: string
}

const longestBody = 262_144
const deadlineMs = 6000

/** Opens connections for one investigation; the caller closes it. */
export async function reach({ own, allow, signal, protocolVersion = "2025-06-18" }: ReachOptions): Promise<Reach> {
  // The command line has the endpoints too, and calls nobody: it starts without this.
  const { Agent, buildConnector, request } = await import("undici")
  const ca = own.internalCa()
  const toOwn = buildConnector({
    timeout: deadlineMs,
    ...(ca !== undefined && { ca: [...getCACertificates("default"), ca] }),
  })
  const toOthers = buildConnector({ timeout: deadlineMs, lookup: guardedLookup(allow) })
  const dispatcher = new Agent({
    allowH2: false,
    connect: (options, done) => {
      const port = options.port || (options.protocol === "https:" ? "443" : "80")
      const authority =
        options.protocol === "https:" && port === "443" ? options.hostname : `${options.hostname}:${port}`
      if (options.protocol === "https:" && own.serves(authority.toLowerCase()))
        return toOwn(
          { ...options, hostname: own.address, port: String(own.port()), servername: options.hostname },
          done,
        )
      const literal = options.hostname.replace(/^\[|\]$/g, "")
      if (isIP(literal) !== 0 && !allow(literal, literal)) return done(new Refused(), null)
      return toOthers(options, done)
    },
  })
  return {
    protocolVersion,
    async ask(url, { method = "GET", headers = {}, body } = {}) {
      try {
        const response = await request(url, {
          dispatcher,
          method,
          headers: { "user-agent": "gatehouse-doctor", accept: "application/json", ...headers },
          ...(body !== undefined && { body }),
          signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
        })
        const text = await beginning(response.body)
        return {
          url,
          status: response.statusCode,
          header: (name) => [response.headers[name.toLowerCase()] ?? []].flat().join(", ") || undefined,
          text,
          json: jsonObject(text),
        }
      } catch (error) {
        throw new Unreachable(inWords(error))
      }
    },
    close: () => dispatcher.destroy(),
  }
}

/** An answer, or why there is none. */
export async function asked(reach: Reach, ...call: Parameters<Reach["ask"]>): Promise<Answered | string> {
  try {
    return await reach.ask(...call)
  } catch (error) {
    if (error instanceof Unreachable) return `${error.message}.`
    throw error
  }
}

type LookupDone = (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void

/** An address that the caller may not have Gatehouse dial. */
class Refused extends Error {
  readonly code = "REFUSED"
}

/** Addresses of a name; those of localhost and below are known without asking anybody (RFC 6761 §6.3). */
function addressesOf(name: string, options: LookupAllOptions, done: LookupDone): void {
  if (!/^(.+\.)?localhost$/i.test(name)) return lookup(name, options, done)
  const loopback = [
    { address: "127.0.0.1", family: 4 },
    { address: "::1", family: 6 },
  ]
  process.nextTick(
    done,
    null,
    loopback.filter(({ family }) => !options.family || options.family === family),
  )
}

/** Resolves names to allowed addresses only, in the same step that dials them. */
function guardedLookup(allow: ReachOptions["allow"]): LookupFunction {
  return (name, options, done) => {
    addressesOf(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, "", 0)
      const [first, ...others] = found.filter(({ address }) => allow(address, name))
      if (first === undefined) return done(new Refused(), "", 0)
      return options.all === true ? done(null, [first, ...others]) : done(null, first.address, first.family)
    })
  }
}

/** An event stream may never end: what has come is enough as soon as it holds one event. */
async function beginning(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ""
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length >= longestBody || /^data:.*\r?\n\r?\n/m.test(text)) break
  }
  return text.slice(0, longestBody)
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

const words: Readonly<Record<string, string>> = {
  ENOTFOUND: "its name has no address",
  EAI_AGAIN: "its name cannot be resolved now",
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "it cut the connection",
  EHOSTUNREACH: "there is no way to it",
  ENETUNREACH: "there is no way to it",
  REFUSED: "its address is not one that may be called from here",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is from an authority that is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate chain is incomplete or not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is from an authority that is not trusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  UND_ERR_CONNECT_TIMEOUT: "no connection within 6 seconds",
  UND_ERR_SOCKET: "it cut the connection",
  EPROTO: "it does not speak TLS there",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS there",
}

function inWords(error: unknown): string {
  const { code, name, cause } = error as { code?: unknown; name?: unknown; cause?: { code?: unknown } }
  if (name === "TimeoutError" || name === "AbortError") return "it did not answer in time"
  const known = [code, cause?.code].map((value) => words[String(value)]).find((text) => text !== undefined)
  return known ?? "what it answers is no HTTP that can be read"
}
