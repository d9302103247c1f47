import type { H3Event } from "h3"
import { GatehouseError } from "../errors.ts"
import { OAuthError } from "./oauth-error.ts"

/** Bytes of any request body. */
const largestBody = 65_536
/** Bytes of a body that is too large which are passed over, so that its connection can go on; of a longer one it ends with the answer. */
const mostPassedOver = 1_048_576
/** Parameters of a request: far more than any flow has. */
const mostParameters = 200

/** Parameters of one OAuth request. Those without a value count as absent (RFC 6749 §3.1). */
export interface Parameters {
  get(name: string): string | undefined
  /** Every value of a parameter that may repeat. */
  all(name: string): readonly string[]
  /** @throws OAuthError `invalid_request` when a parameter other than `resource` is given twice (RFC 6749 §3.1, RFC 8707 §2) */
  requireSingle(...names: readonly string[]): void
}

/** Parameters from name and value pairs in their order. @throws OAuthError `invalid_request` for too many */
function parameters(pairs: Iterable<readonly [string, string]>): Parameters {
  const values = new Map<string, string[]>()
  const seen = new Map<string, number>()
  let count = 0
  for (const [name, value] of pairs) {
    if (++count > mostParameters) throw new OAuthError("invalid_request", "there are too many parameters")
    seen.set(name, (seen.get(name) ?? 0) + 1)
    if (value === "") continue
    const known = values.get(name)
    if (known === undefined) values.set(name, [value])
    else known.push(value)
  }
  return {
    get: (name) => values.get(name)?.[0],
    all: (name) => values.get(name) ?? [],
    requireSingle(...names) {
      const checked = names.length === 0 ? [...seen.keys()].filter((name) => name !== "resource") : names
      if (checked.some((name) => (seen.get(name) ?? 0) > 1))
        throw new OAuthError("invalid_request", "a parameter is given more than once")
    },
  }
}

/** Parameters of the query. */
export function queryParameters(event: H3Event): Parameters {
  return parameters(new URLSearchParams(event.url.search))
}

/**
 * Parameters of a form body.
 * @throws OAuthError `invalid_request` for another content type; GatehouseError `payload_too_large`
 */
export async function formParameters(event: H3Event): Promise<Parameters> {
  if (mediaType(event) !== "application/x-www-form-urlencoded")
    throw new OAuthError("invalid_request", "the body must be application/x-www-form-urlencoded")
  return parameters(new URLSearchParams(await bodyText(event)))
}

/**
 * Parameters of a form body or, leniently, of a JSON object of strings; arrays repeat a parameter.
 * @throws OAuthError `invalid_request`; GatehouseError `payload_too_large`
 */
export async function formOrJsonParameters(event: H3Event): Promise<Parameters> {
  if (mediaType(event) !== "application/json") return formParameters(event)
  const pairs = Object.entries(await jsonObject(event)).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((item: unknown) => [name, item] as const),
  )
  if (!pairs.every((pair): pair is readonly [string, string] => typeof pair[1] === "string"))
    throw new OAuthError("invalid_request", "every member must be a string or a list of strings")
  return parameters(pairs)
}

/** The body as a JSON object. @throws OAuthError `invalid_request`; GatehouseError `payload_too_large` */
export async function jsonObject(event: H3Event): Promise<Record<string, unknown>> {
  const text = await bodyText(event)
  try {
    const value: unknown = JSON.parse(text)
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new OAuthError("invalid_request", "the body must be a JSON object")
}

/** Media type of the body in lower case, without parameters. */
export function mediaType(event: H3Event): string {
  return (event.req.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase()
}

async function bodyText(event: H3Event): Promise<string> {
  if (Number(event.req.headers.get("content-length") ?? 0) > largestBody) throw new GatehouseError("payload_too_large")
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of event.req.body ?? []) {
      size += chunk.byteLength
      if (size > mostPassedOver) break
      if (size <= largestBody) chunks.push(chunk)
    }
    if (size > largestBody) throw new GatehouseError("payload_too_large")
  } catch (error) {
    if (error instanceof GatehouseError) throw error
    throw new OAuthError("invalid_request", "the body did not arrive whole")
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new OAuthError("invalid_request", "the body must be UTF-8")
  }
}
