import * as z from "zod"
import { type Certificate, type Environment, Issuer, KeyType } from "../events/certificate.ts"
import { CertificateDomain, CertificateName, Email, covers } from "../events/values.ts"
import type { Context } from "./decision.ts"
import { foreignHost, refuseForeign } from "./certificate-claims.ts"
import { type World, find } from "../events/world.ts"
import { classifyAddress } from "../events/target-address.ts"
import { fact, idOf } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import type { NewEvent } from "../events/envelope.ts"
import { ownerOf } from "./ownership.ts"

/** What a caller says about a certificate that it wants. */
export const CertificateRequest = z.strictObject({
  cert_name: CertificateName.optional(),
  domains: z
    .array(CertificateDomain)
    .min(1)
    .max(100)
    .refine((domains) => new Set(domains).size === domains.length, "each domain once"),
  email: Email.optional(),
  issuer: Issuer.optional(),
  staging: z.boolean().default(false),
  acme_directory_url: z
    .url({ protocol: /^https$/ })
    .max(2048)
    .optional(),
  key_type: KeyType.default("rsa"),
  owner: z.string().max(64).optional(),
})

type Request = z.infer<typeof CertificateRequest>
type Requested = { readonly name: string; readonly event: NewEvent }

const reservedNames = new Set(["multi-domain"])

/** A name that no public CA certifies: for these the internal CA is the default. */
export function isLocalName(domain: string): boolean {
  return isAddress(domain) || /(^|\.)(localhost|test|internal)$/.test(domain)
}

function isAddress(domain: string): boolean {
  return domain.includes(":") || /^\d+(\.\d+){3}$/.test(domain)
}

/**
 * The fact that a certificate was asked for.
 * @throws GatehouseError `reserved_name`, `already_exists`, `issuer_not_applicable`, `wildcard_requires_dns01`,
 *   `directory_not_allowed`, `domain_claimed`, `email_required`, `admin_required`
 */
export function requestCertificate(request: Request, world: World, context: Context): Requested {
  const owner = ownerOf(request.owner, world, context)
  const name = request.cert_name ?? defaultName(request.domains[0]!)
  if (reservedNames.has(idOf(name))) throw new GatehouseError("reserved_name", `${name} is reserved`)
  if (find(world, "certificate", idOf(name)) !== undefined)
    throw new GatehouseError("already_exists", `there is a certificate ${name} already`)
  const issuer = chooseIssuer(request)
  if (issuer === "internal") refusePublic(request.domains, context)
  refuseClaimed(request.domains, owner, world, context)
  const authority = issuer === "acme" ? acmeAuthority(request, owner, world, context) : internalAuthority
  return {
    name,
    event: fact("certificate", idOf(name), "CertificateRequested", {
      cert_name: name,
      domains: request.domains,
      issuer,
      key_type: request.key_type,
      owner,
      ...authority,
    }),
  }
}

/** `proxy-` and the domain with dashes for dots. */
export function defaultName(domain: string): string {
  return `proxy-${domain.replace(/^\*\./, "wildcard.").replace(/[^a-z0-9-]/g, "-")}`
}

const internalAuthority = { email: null, acme_directory_url: null, environment: "internal" as const }

function chooseIssuer(request: Request): Certificate["issuer"] {
  const issuer = request.issuer ?? impliedIssuer(request)
  if (issuer === "acme") {
    const wildcard = request.domains.find((domain) => domain.startsWith("*."))
    if (wildcard !== undefined)
      throw new GatehouseError(
        "wildcard_requires_dns01",
        `${wildcard} needs DNS-01, which Gatehouse does not do; use the internal issuer`,
      )
    const address = request.domains.find(isAddress)
    if (address !== undefined)
      throw new GatehouseError("issuer_not_applicable", `ACME does not certify the address ${address}`)
  }
  return issuer
}

function impliedIssuer({ domains, staging, acme_directory_url }: Request): Certificate["issuer"] {
  if (staging || acme_directory_url !== undefined) return "acme"
  const local = domains.filter(isLocalName).length
  if (local !== 0 && local !== domains.length)
    throw new GatehouseError(
      "issuer_not_applicable",
      "local and public names need different issuers; request two certificates",
    )
  return local === 0 ? "acme" : "internal"
}

function acmeAuthority(request: Request, owner: string, world: World, { actor, policy }: Context) {
  const standard = request.staging ? policy.acmeStagingUrl : policy.acmeDirectoryUrl
  const directory = request.acme_directory_url ?? standard
  const known = directory === policy.acmeDirectoryUrl || directory === policy.acmeStagingUrl
  if (!known && !actor.admin) throw new GatehouseError("directory_not_allowed")
  const email = request.email ?? find(world, "api-token", owner)?.cert_email ?? policy.adminEmail
  if (email === null || email === undefined)
    throw new GatehouseError("email_required", "give email, or set it on the token, or set ADMIN_EMAIL")
  const staging = request.staging || (directory === policy.acmeStagingUrl && directory !== policy.acmeDirectoryUrl)
  const environment: z.infer<typeof Environment> = staging ? "staging" : "production"
  return { email, acme_directory_url: directory, environment }
}

/**
 * Machines that trust the internal authority believe it about every name of the Internet, and an owner may download the keys
 * of its certificates: so what others may own is certified for administrators alone.
 */
function refusePublic(domains: readonly string[], { actor }: Context): void {
  if (actor.admin) return
  const open = domains.find((domain) => !isLocalName(domain) || classifyAddress(domain) === "public")
  if (open !== undefined)
    throw new GatehouseError("admin_required", `only an administrator may have the internal authority certify ${open}`)
}

/** An owner may download the keys of its certificates: none of them may be good for a host that is not its own. */
function refuseClaimed(domains: readonly string[], owner: string, world: World, { actor, policy }: Context): void {
  if (actor.admin) return
  for (const own of [...policy.adminHosts, ...policy.oauthHosts])
    if (domains.some((domain) => covers(domain, own)))
      throw new GatehouseError("domain_claimed", `${own} is Gatehouse's own`)
  refuseForeign(foreignHost({ domains, owner }, world))
  // A whole local domain is everybody's: the next host there may be another owner's.
  const whole = domains.find((domain) => /^\*\.[^.]+$/.test(domain))
  if (whole !== undefined) throw new GatehouseError("admin_required", `only an administrator may have ${whole}`)
}
