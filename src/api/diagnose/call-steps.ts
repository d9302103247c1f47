import { type Learned, type ResourceDocument, parameter } from "./resource-steps.ts"
import { introduction, openingCall } from "./opening-call.ts"
import { failed, ok, quoted, warning } from "./finding.ts"
import { type Answered, type Reach, asked } from "./reach.ts"
import type { ServerDocument } from "./server-steps.ts"

/** Can clients that run in a browser read what they need? */
export async function cors(
  reach: Reach,
  documents: readonly ResourceDocument[],
  server: ServerDocument,
): Promise<Learned<never>> {
  const closed = documents.filter(({ openToBrowsers }) => !openToBrowsers).map(({ url }) => url)
  if (!server.openToBrowsers) closed.push("the authorization server metadata")
  const preflight = await asked(reach, server.content["token_endpoint"] as string, {
    method: "OPTIONS",
    headers: {
      origin: "https://client.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    },
  })
  if (typeof preflight === "string" || preflight.header("access-control-allow-origin") === undefined)
    closed.push("the token endpoint")
  if (closed.length === 0) return { finding: ok("Metadata and token endpoint can be read from a browser.") }
  return { finding: warning(`Clients in a browser cannot read ${closed.join(", ")} (no Access-Control-Allow-Origin).`) }
}

/** Is a token that is none refused as such? A server that lets it pass does not check at all. */
export async function rejection(reach: Reach, url: string): Promise<Learned<never>> {
  const answer = await openingCall(reach, url, "gatehouse-doctor.not-a-token")
  if (typeof answer === "string") return { finding: failed(`A call with a wrong token gets no answer: ${answer}`) }
  if (answer.status >= 200 && answer.status < 300)
    return { finding: failed("A call with a made-up token passes: the server does not check tokens.") }
  if (answer.status !== 401)
    return {
      finding: failed(
        `A wrong token is answered ${answer.status}, not 401: clients would not sign in again when theirs expires.`,
      ),
    }
  const error = parameter(answer.header("www-authenticate") ?? "", "error")
  if (error !== "invalid_token")
    return { finding: warning('The 401 for a wrong token does not say error="invalid_token" (RFC 6750 §3.1).') }
  return { finding: ok("A wrong token is refused with 401 invalid_token.") }
}

/** What a token must be good for. */
interface Expected {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly resource?: string
  readonly issuer?: string
}

/** One MCP call, with the token that was given or, where nobody has to sign in, without. */
export async function mcpCall(
  reach: Reach,
  url: string,
  token: string | undefined,
  expected: Expected,
): Promise<Learned<never>> {
  const answer = await openingCall(reach, url, token)
  if (typeof answer === "string") return { finding: failed(`The call gets no answer: ${answer}`) }
  if (answer.status === 401) return { finding: failed(`The token is refused: ${tokenFault(token, expected)}`) }
  if (answer.status === 403) return { finding: failed(forbidden(answer)) }
  if (answer.status !== 200)
    return { finding: failed(`The call is answered ${answer.status}: the MCP server behind it does not work as one.`) }
  const message = answer.json ?? eventData(answer.text)
  if (message === undefined || message["jsonrpc"] !== "2.0")
    return { finding: failed("The call is answered with something that is no JSON-RPC message.") }
  if (message["result"] === undefined)
    return { finding: failed(`The MCP server answers with an error: ${quoted(message["error"])}.`) }
  const { name, revision } = introduction(message["result"] as Readonly<Record<string, unknown>>)
  return { finding: ok(`The MCP server ${quoted(name)} answers with revision ${quoted(revision)}.`) }
}

function forbidden(answer: Answered): string {
  const challenge = answer.header("www-authenticate") ?? ""
  const scope = parameter(challenge, "scope")
  if (parameter(challenge, "error") === "insufficient_scope" && scope !== undefined)
    return `The token lacks scope; needed is ${quoted(scope)}.`
  return "The token is good, but whoever it belongs to may not use this server."
}

/** Why a token is probably refused: what its claims say, for whoever holds it can read them. */
function tokenFault(token: string | undefined, { now, resource, issuer }: Expected): string {
  const claims = claimsOf(token)
  if (claims === undefined) return "it is no token of this resource, or was revoked."
  const { exp, iss, aud } = claims
  if (typeof exp === "number" && exp * 1000 <= now) return "it has expired."
  if (issuer !== undefined && iss !== issuer) return `it was issued by ${quoted(iss)}, not by ${issuer}.`
  const audiences = [aud].flat()
  const origin = resource === undefined ? undefined : new URL(resource).origin
  if (
    origin !== undefined &&
    !audiences.some((value) => typeof value === "string" && URL.parse(value)?.origin === origin)
  )
    return `it is for ${quoted(audiences.join(", "))}, not for ${resource!}.`
  return "its claims fit, so it was revoked or is not signed by a key of this server."
}

function claimsOf(token: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(token?.split(".")[1] ?? "", "base64url").toString())
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** First message of an event stream. */
function eventData(text: string): Readonly<Record<string, unknown>> | undefined {
  const data = /^data: ?(.*)$/m.exec(text)?.[1]
  try {
    return data === undefined ? undefined : (JSON.parse(data) as Record<string, unknown>)
  } catch {
    return undefined
  }
}
