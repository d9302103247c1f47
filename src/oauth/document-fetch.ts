import { Agent, type Dispatcher, request } from "undici"
import { isGlobalAddress, isLoopbackAddress, parseAddress } from "../events/target-address.ts"
import { Resolver } from "node:dns/promises"
import type { LookupFunction } from "node:net"
import { isIP } from "node:net"

/** Why a document at an address that others chose was not read; stable, for the log. */
export type DocumentFault =
  | "url_not_allowed"
  | "host_not_allowed"
  | "name_unknown"
  | "address_not_allowed"
  | "unreachable"
  | "timeout"
  | "redirect"
  | "wrong_status"
  | "wrong_type"
  | "too_large"
  | "not_json"
  | "not_acceptable"

/** A document that cannot be used. The message is for the person who chose the address; it names nothing of the inside. */
export class DocumentError extends Error {
  override name = "DocumentError"
  readonly fault: DocumentFault

  constructor(fault: DocumentFault, message: string) {
    super(message)
    this.fault = fault
  }

  /** Is it the document, or its place, that will not do? Then no older copy stands in for it, as it does for a site that fails. */
  get final(): boolean {
    return ["url_not_allowed", "host_not_allowed", "address_not_allowed", "not_acceptable"].includes(this.fault)
  }
}

/** A JSON document and how long it may be kept. */
export interface FetchedDocument {
  readonly value: unknown
  /** Seconds that it stays fresh, as its site says (RFC 9111 §4.2); undefined when it does not say. */
  readonly maxAge: number | undefined
  /** It must not be kept (RFC 9111 §5.2.2.5). */
  readonly noStore: boolean
}

/** Reads a JSON document from an https URL that others chose. @throws DocumentError */
export type DocumentFetch = (url: string, maxBytes: number) => Promise<FetchedDocument>

/** What a fetch is made of. */
export interface DocumentFetchParts {
  /** Only an issuer that is itself on loopback may read from loopback. */
  readonly issuer: string
  /** Hosts that may be read from, with everything below them; empty = all. */
  readonly allowedHosts: readonly string[]
  readonly deniedHosts: readonly string[]
  /** Addresses of a name; DNS by default. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>
  /** Certificates to trust instead of the usual ones. */
  readonly ca?: string
}

const deadlineMs = 5000

/**
 * Fetch of documents under the rules for addresses that others chose (SSRF): https only, names resolved here, every address of a
 * name must be public, the checked addresses are dialled under the original name, one deadline, a size limit, status 200, no
 * redirect, JSON.
 */
export function documentFetch({
  issuer,
  allowedHosts,
  deniedHosts,
  resolve = dns,
  ca,
}: DocumentFetchParts): DocumentFetch {
  const onLoopback = isLocal(new URL(issuer).hostname)

  async function addresses(hostname: string): Promise<readonly string[]> {
    if (onLoopback && isLocal(hostname)) return isIP(bare(hostname)) === 0 ? ["127.0.0.1"] : [bare(hostname)]
    const found = await resolve(hostname)
    if (found.length === 0) throw new DocumentError("name_unknown", "its host name cannot be resolved")
    if (!found.every(isGlobalAddress))
      throw new DocumentError("address_not_allowed", "its host is not on the public Internet")
    return found
  }

  return async (text, maxBytes) => {
    const url = checkedUrl(text, onLoopback)
    requireAllowedHost(url.hostname, { allowedHosts, deniedHosts })
    const signal = AbortSignal.timeout(deadlineMs)
    const found = await beforeEnd(addresses(url.hostname), signal)
    const lookup = lookupOf(found)
    const dispatcher = new Agent({
      allowH2: false,
      connect: { lookup, timeout: deadlineMs, ...(ca !== undefined && { ca }) },
    })
    try {
      return await read(url, dispatcher, signal, maxBytes)
    } catch (error) {
      if (error instanceof DocumentError) throw error
      if (signal.aborted) throw tooLate()
      throw new DocumentError("unreachable", "it cannot be reached over https")
    } finally {
      await dispatcher.destroy()
    }
  }
}

/** @throws DocumentError when an operator does not want documents of this host, or of one above it */
export function requireAllowedHost(
  hostname: string,
  { allowedHosts, deniedHosts }: Pick<DocumentFetchParts, "allowedHosts" | "deniedHosts">,
): void {
  const within = (host: string) => hostname === host || hostname.endsWith(`.${host}`)
  if (deniedHosts.some(within) || (allowedHosts.length > 0 && !allowedHosts.some(within)))
    throw new DocumentError("host_not_allowed", "this server does not take documents from its host")
}

/** The URL, if it is https in its one canonical spelling, and names a host. @throws DocumentError */
function checkedUrl(text: string, onLoopback: boolean): URL {
  const url = URL.parse(text)
  // Number forms of addresses, upper case, default ports and backslashes all change when they are parsed.
  if (url?.protocol !== "https:" || url.href !== text || url.username !== "" || url.password !== "" || url.hash !== "")
    throw new DocumentError("url_not_allowed", "its address is not a plain https URL")
  if (parseAddress(bare(url.hostname)) !== undefined && !(onLoopback && isLocal(url.hostname)))
    throw new DocumentError("url_not_allowed", "its address has a number in place of a host name")
  return url
}

async function read(url: URL, dispatcher: Dispatcher, signal: AbortSignal, maxBytes: number): Promise<FetchedDocument> {
  const headers = { accept: "application/json", "user-agent": "gatehouse" }
  const response = await request(url, { dispatcher, signal, headers })
  const { statusCode: status, body } = response
  if (status >= 300 && status < 400)
    throw new DocumentError("redirect", "its address answers with a redirect, which is not followed")
  if (status !== 200) throw new DocumentError("wrong_status", `its address answers with status ${status}`)
  const header = (name: string) => [response.headers[name] ?? ""].flat().join(",")
  if (!/^application\/(?:[\w.+-]+\+)?json *(?:;|$)/i.test(header("content-type")))
    throw new DocumentError("wrong_type", "it is not application/json")
  if (!/^(?:identity)?$/i.test(header("content-encoding"))) throw new DocumentError("wrong_type", "it is compressed")
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new DocumentError("too_large", `it is larger than ${maxBytes / 1024} KiB`)
    chunks.push(chunk)
  }
  return { value: json(Buffer.concat(chunks)), ...freshness(header("cache-control"), header("age")) }
}

function json(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch {
    throw new DocumentError("not_json", "it is not valid JSON")
  }
}

function freshness(cacheControl: string, age: string): Pick<FetchedDocument, "maxAge" | "noStore"> {
  const directives = cacheControl
    .toLowerCase()
    .split(",")
    .map((directive) => directive.trim())
  const seconds = directives.flatMap((directive) => /^max-age="?(\d{1,9})"?$/.exec(directive)?.[1] ?? [])[0]
  const stale = directives.includes("no-cache")
  return {
    maxAge: stale ? 0 : seconds === undefined ? undefined : Math.max(0, Number(seconds) - (Number(age) || 0)),
    noStore: directives.includes("no-store"),
  }
}

/** Addresses by DNS alone: what a hosts file says is about this machine's own network. @throws DocumentError */
async function dns(hostname: string): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: 1500, tries: 2 })
  const found = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  return found.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []))
}

/** A lookup that knows the checked addresses only: what is dialled is what was checked. */
function lookupOf(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_hostname, options, callback) => {
    if (options.all === true) callback(null, entries)
    else callback(null, entries[0]!.address, entries[0]!.family)
  }
}

async function beforeEnd<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>()
  const give = () => late.reject(tooLate())
  signal.addEventListener("abort", give, { once: true })
  try {
    return await Promise.race([work, late.promise])
  } finally {
    signal.removeEventListener("abort", give)
  }
}

function tooLate(): DocumentError {
  return new DocumentError("timeout", "it did not arrive within five seconds")
}

function isLocal(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || isLoopbackAddress(bare(hostname))
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "")
}
