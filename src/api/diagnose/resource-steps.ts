import { openingCall } from "./opening-call.ts"
import { type Answered, type Reach, asked } from "./reach.ts"
import { type Finding, failed, ok, quoted, secureUrl, warning } from "./finding.ts"

/** A protected resource metadata document (RFC 9728) and where it was found. */
export interface ResourceDocument {
  readonly url: string
  /** What the document must say it is about, as its address tells. */
  readonly derived: string
  readonly content: Readonly<Record<string, unknown>>
  readonly openToBrowsers: boolean
}

/** What one step learned besides its finding. */
export interface Learned<T> {
  readonly finding: Finding
  readonly value?: T
}

const wellKnown = "/.well-known/oauth-protected-resource"

/** Can the address be called at all? */
export async function connect(reach: Reach, url: string): Promise<Learned<Answered>> {
  const parsed = URL.parse(url)
  if (parsed === null) return { finding: failed(`${quoted(url)} is no URL.`) }
  if (secureUrl(url) === undefined)
    return { finding: failed("The address must be an https URL without user information; http is for loopback only.") }
  const value = await openingCall(reach, url)
  return typeof value === "string"
    ? { finding: failed(`${parsed.host} cannot be reached: ${value}`) }
    : { finding: ok(`${parsed.host} answers.`), value }
}

/** Does the answer to a call without a token send a client on its way (RFC 6750 §3, RFC 9728 §5.1)? */
export function readChallenge(answer: Answered): Learned<{ readonly open: boolean; readonly metadata?: string }> {
  const { status } = answer
  if (status >= 200 && status < 300)
    return {
      finding: ok("The call passes without a token: this server asks nobody to sign in."),
      value: { open: true },
    }
  if (status !== 401)
    return { finding: failed(`A call without a token is answered ${status}, not 401: ${meaning(status)}`) }
  const challenge = answer.header("www-authenticate")
  if (challenge === undefined)
    return { finding: failed("The 401 has no WWW-Authenticate header: a client cannot tell how to sign in.") }
  if (!/(^|,\s*)bearer(\s|$)/i.test(challenge.trim()))
    return { finding: failed(`The 401 asks for another scheme than Bearer: ${quoted(challenge)}.`) }
  const metadata = parameter(challenge, "resource_metadata")
  if (metadata === undefined)
    return {
      finding: warning(
        "The challenge names no resource_metadata: only clients that try the well-known addresses find it.",
      ),
      value: { open: false },
    }
  if (secureUrl(metadata) === undefined)
    return { finding: failed(`The challenge's resource_metadata is no https URL: ${quoted(metadata)}.`) }
  return {
    finding: ok("A call without a token is answered 401 and says where the metadata is."),
    value: { open: false, metadata },
  }
}

/** Value of one parameter of a challenge (RFC 9110 §11.2). */
export function parameter(challenge: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s",]+))`, "i").exec(challenge)
  return match?.[1]?.replace(/\\(.)/g, "$1") ?? match?.[2]
}

function meaning(status: number): string {
  if (status === 404 || status === 421) return "there is no MCP endpoint at this address."
  if (status === 405) return "the address does not take POST, so it is no MCP endpoint."
  if (status === 403) return "clients do not start a sign-in on a 403."
  if (status >= 300 && status < 400) return "MCP clients do not follow a redirect; use the address that it leads to."
  if (status >= 500) return "the server, or the backend behind it, is not working."
  return "clients do not start a sign-in on it."
}

/** The metadata documents of a resource, first the one that the challenge names. */
export async function resourceMetadata(
  reach: Reach,
  url: string,
  named: string | undefined,
): Promise<Learned<ResourceDocument[]>> {
  const { origin, pathname } = new URL(url)
  const path = pathname.replace(/\/$/, "")
  const addresses = [...new Set([named ?? [], origin + wellKnown + path, origin + wellKnown].flat())]
  const found: ResourceDocument[] = []
  const faults = new Map<string, string>()
  for (const address of addresses) {
    const document = await documentAt(reach, address)
    if (typeof document === "string") faults.set(address, document)
    else found.push(document)
  }
  if (named !== undefined && faults.has(named))
    return { finding: failed(`The metadata that the challenge names is not usable: ${faults.get(named)!} (${named})`) }
  if (found.length === 0)
    return {
      finding: failed(
        `There is no protected resource metadata (RFC 9728): ${[...faults.values()][0]!} (${addresses.join(", ")})`,
      ),
    }
  const missing = [...faults.keys()]
  const finding =
    missing.length === 0
      ? ok("The protected resource metadata is at both well-known addresses.")
      : warning(
          `There is nothing usable at ${missing.join(", ")}; clients that look only there do not find the metadata.`,
        )
  return { finding, value: found }
}

async function documentAt(reach: Reach, url: string): Promise<ResourceDocument | string> {
  const answer = await asked(reach, url)
  if (typeof answer === "string") return answer
  if (answer.status !== 200) return `it is answered ${answer.status}.`
  if (answer.json === undefined) return "it is no JSON object."
  const { resource, authorization_servers: servers } = answer.json
  if (typeof resource !== "string") return "it does not say which resource it is about."
  if (!Array.isArray(servers) || servers.length === 0) return "it names no authorization server."
  const { origin, pathname } = new URL(url)
  const suffix = pathname.startsWith(wellKnown) ? pathname.slice(wellKnown.length) : ""
  const openToBrowsers = answer.header("access-control-allow-origin") !== undefined
  return { url, derived: origin + suffix, content: answer.json, openToBrowsers }
}

/** Would a client take a token for what the metadata says, and the server for what was called (RFC 8707, RFC 9728 §3.3)? */
export function audience(url: string, documents: readonly ResourceDocument[]): Learned<string> {
  const called = new URL(url)
  for (const { url: at, derived, content } of documents) {
    const resource = content["resource"] as string
    const parsed = URL.parse(resource)
    if (parsed === null || resource.includes("#"))
      return {
        finding: failed(
          `The metadata's resource is no identifier that a token can be for: ${quoted(resource)} (${at})`,
        ),
      }
    if (parsed.origin !== called.origin)
      return {
        finding: failed(
          `The metadata is about ${quoted(resource)}, but ${called.origin} was called: clients refuse it. (${at})`,
        ),
      }
    const base = parsed.pathname.replace(/\/$/, "")
    if (called.pathname !== base && !called.pathname.startsWith(`${base}/`))
      return {
        finding: failed(`The metadata is about ${quoted(resource)}, which does not cover ${called.pathname}. (${at})`),
      }
    if (at.startsWith(called.origin + wellKnown) && resource.replace(/\/$/, "") !== derived.replace(/\/$/, ""))
      return {
        finding: failed(
          `The document at ${at} must be about ${derived} and says ${quoted(resource)}: strict clients refuse it (RFC 9728 §3.3).`,
        ),
      }
  }
  const resource = documents[0]!.content["resource"] as string
  return { finding: ok(`Tokens are asked for ${resource}, which covers the address.`), value: resource }
}
