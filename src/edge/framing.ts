import type { ErrorCode } from "../errors.ts"
import type { HeaderName } from "./header-names.ts"

/** Limits of one request head. */
export interface HeadLimits {
  readonly headers: number
  readonly headerBytes: number
  readonly urlBytes: number
}

/** What one pass over the headers found. */
export interface HeadScan {
  /** Undefined when there is no Host. */
  host: string | undefined
  /** Connection values in lower case, joined by commas. */
  connection: string
  upgrade: string
  expect: string
  forwardedFor: string
  /** Digits, or empty. */
  contentLength: string
  chunked: boolean
  /** Is there an `Mcp-…` header twice? */
  mcpRepeated: boolean
}

/** Minimum of a request that the checks look at. */
export interface RequestHead {
  readonly method: string
  readonly url: string
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

/** Of a head in which nothing was found yet. */
export function emptyScan(): HeadScan {
  return {
    host: undefined,
    connection: "",
    upgrade: "",
    expect: "",
    forwardedFor: "",
    contentLength: "",
    chunked: false,
    mcpRepeated: false,
  }
}

const seenOnce = {
  host: 1,
  authorization: 2,
  "content-type": 4,
  "content-length": 8,
  origin: 16,
  "transfer-encoding": 32,
} as const

/**
 * The framing and request-line rules that Node's strict parser leaves open (edge rules §1.4), in one pass over the headers.
 * @param judged receives the judged name of each header in order, for the pass that builds the forwarded head
 * @returns the code of a refusal, or what was found
 */
export function scanHead(
  { method, url, httpVersion, rawHeaders }: RequestHead,
  limits: HeadLimits,
  lookup: (name: string) => HeaderName,
  judged: HeaderName[],
): HeadScan | ErrorCode {
  if (httpVersion !== "1.1" && httpVersion !== "1.0")
    return httpVersion === "0.9" ? "bad_request" : "version_not_supported"
  if (url.length > limits.urlBytes) return "uri_too_long"
  if (rawHeaders.length > limits.headers * 2) return "headers_too_large"
  if (method === "TRACE" || method === "CONNECT") return "method_not_allowed"
  const scan = emptyScan()
  let bytes = 0
  let seen = 0
  let mcp: string[] | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i]!
    const value = rawHeaders[i + 1]!
    bytes += raw.length + value.length + 4
    const name = lookup(raw)
    judged[i >> 1] = name
    switch (name.kind) {
      case "host":
      case "authorization":
      case "content-type":
      case "content-length":
      case "origin":
      case "transfer-encoding": {
        const bit = seenOnce[name.kind]
        if ((seen & bit) !== 0) return "bad_request"
        seen |= bit
        if (name.kind === "host") scan.host = value
        else if (name.kind === "content-length") scan.contentLength = value
        else if (name.kind === "transfer-encoding") {
          if (value.toLowerCase() !== "chunked") return "bad_request"
          scan.chunked = true
        }
        break
      }
      case "mcp":
        if (mcp === undefined) mcp = [name.folded]
        else if (mcp.includes(name.folded)) scan.mcpRepeated = true
        else mcp.push(name.folded)
        break
      case "connection":
        scan.connection = list(scan.connection, value.toLowerCase())
        break
      case "upgrade":
        scan.upgrade = list(scan.upgrade, value.toLowerCase())
        break
      case "expect":
        scan.expect = list(scan.expect, value.toLowerCase())
        break
      case "forwarded-for":
        scan.forwardedFor = list(scan.forwardedFor, value)
        break
      default:
        break
    }
  }
  if (bytes > limits.headerBytes) return "headers_too_large"
  if (scan.chunked && (httpVersion === "1.0" || scan.contentLength !== "")) return "bad_request"
  if ((seen & seenOnce["content-length"]) !== 0 && !isLength(scan.contentLength)) return "bad_request"
  if (scan.host === undefined && httpVersion === "1.1") return "bad_request"
  if (scan.expect !== "" && scan.expect !== "100-continue" && httpVersion === "1.1") return "expectation_failed"
  return scan
}

const list = (known: string, value: string) => (known === "" ? value : `${known},${value}`)

/** Digits that JavaScript can count without loss. */
function isLength(value: string): boolean {
  return /^[0-9]{1,15}$/.test(value)
}

/** Is `token` an element of a comma-separated list in lower case? */
export function hasToken(values: string, token: string): boolean {
  if (values === token) return true
  return values !== "" && values.split(",").some((item) => item.trim() === token)
}
