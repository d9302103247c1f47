import { CliFailure } from "./failure.ts"
import type { Endpoint } from "../api/endpoint.ts"
import { endpoints } from "../api/endpoint-table.ts"

/** What an operation is called with. */
export interface Input {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** Value of an API token; none for public operations. */
  readonly token?: string | undefined
  readonly ifMatch?: string | undefined
  /** For secrets in what is sent or answered. */
  readonly passphrase?: string
}

/** An answer of the API. */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
  /** The body as it came. */
  readonly text: string
}

/** A problem document that the API answered with (RFC 9457). */
export class ApiFailure extends CliFailure {
  override name = "ApiFailure"
  readonly code: string
  readonly status: number

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    const { code = `http_${status}`, detail = "the answer is not one of Gatehouse's" } = body as {
      code?: string
      detail?: string
    }
    super("apiError", [`${code}: ${detail}`, ...details(body)].join("\n"))
    this.code = code
    this.status = status
  }
}

function details(body: Readonly<Record<string, unknown>>): string[] {
  const errors = (body["errors"] ?? []) as { path: string; message: string }[]
  const references = (body["references"] ?? []) as string[]
  return [
    ...(errors.length > 1 ? errors.map(({ path, message }) => `  ${path}: ${message}`) : []),
    ...references.map((name) => `  ${name}`),
  ]
}

/** Calls the API. */
export interface Client {
  /** @throws ApiFailure, CliFailure unreachable */
  call(operationId: string, input?: Input): Promise<Reply>
  /** GET of an address that an answer named. */
  get(location: string, token: string | undefined, timeoutMs?: number): Promise<Reply>
  /** An answer that goes on. @param lastEventId what was seen of it before @throws ApiFailure, CliFailure unreachable */
  stream(operationId: string, input: Input, lastEventId: string): Promise<ReadableStream<Uint8Array>>
}

/** The endpoint of an operation, or undefined. */
export function operation(operationId: string): Endpoint | undefined {
  return endpoints.find((endpoint) => endpoint.operationId === operationId)
}

/**
 * Client of the API at an address.
 * @param base URL without a path
 * @param reason why its changes are made, for the log
 */
export function client(base: string, reason?: string): Client {
  return {
    call(operationId, input = {}) {
      const endpoint = operation(operationId)
      if (endpoint === undefined) throw new CliFailure("usage", `usage: there is no operation ${operationId}`)
      const why = endpoint.method === "GET" ? undefined : reason
      return send(
        address(base, endpoint, input),
        endpoint.method,
        { ...input, reason: why },
        timeoutOf(endpoint, input),
      )
    },
    async stream(operationId, input, lastEventId) {
      const response = await reach(address(base, operation(operationId)!, input), {
        redirect: "manual",
        headers: {
          accept: "text/event-stream",
          ...(input.token !== undefined && { authorization: `Bearer ${input.token}` }),
          ...(lastEventId !== "" && { "last-event-id": lastEventId }),
        },
      })
      if (!response.ok) throw new ApiFailure(response.status, parse(await response.text()))
      return response.body!
    },
    get: (location, token, timeoutMs) => send(new URL(location, base), "GET", { token }, timeoutMs),
  }
}

function address(base: string, endpoint: Endpoint, { params = {}, query = {} }: Input): URL {
  const url = new URL(
    endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? "")),
    base,
  )
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}

/** A waiting call is answered when its own time is over. */
function timeoutOf({ deadline = 30 }: Endpoint, { query = {} }: Input): number {
  return query["wait"] === undefined ? deadline * 1000 : (Number(query["timeout"] ?? 120) + 10) * 1000
}

async function send(
  url: URL,
  method: string,
  { body, token, ifMatch, passphrase, reason }: Input & { readonly reason?: string | undefined },
  timeoutMs = 30_000,
): Promise<Reply> {
  const response = await reach(url, {
    method,
    // Following one would hand the token to whoever is named there.
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      accept: "application/json",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(passphrase !== undefined && { "x-passphrase": headerText(passphrase) }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(reason !== undefined && { "x-reason": encodeURIComponent(reason) }),
      ...(ifMatch !== undefined && { "if-match": /^\d+$/.test(ifMatch) ? `"${ifMatch}"` : ifMatch }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const parsed = parse(text)
  if (!response.ok && !isHealth(url, parsed)) throw new ApiFailure(response.status, parsed)
  return { status: response.status, headers: response.headers, body: parsed, text }
}

/** @throws CliFailure usage for what no header can carry; the API judges the rest */
function headerText(passphrase: string): string {
  if (/^[\x20-\x7e]*$/.test(passphrase)) return passphrase
  throw new CliFailure("usage", "usage: a passphrase is of printable ASCII characters")
}

/** An unhealthy node answers 503 with its findings, not with a problem. */
function isHealth(url: URL, body: Readonly<Record<string, unknown>>): boolean {
  return url.pathname === "/health" && typeof body["status"] === "string"
}

async function reach(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string } }
    throw new CliFailure("unreachable", `unreachable: ${url.origin} does not answer (${cause?.code ?? message})`)
  }
}

function parse(text: string): Record<string, unknown> {
  if (text === "") return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}
