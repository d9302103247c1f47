import * as z from "zod"
import { type Answer, type Call, endpoint } from "../endpoint.ts"
import {
  CertificateDetail,
  CertificateStatus,
  CertificateView,
  attachments,
  certificateView,
} from "../../projections/views/certificate.ts"
import { flag, listOf, listPage, listQuery } from "../list.ts"
import { mayRead, ownObject } from "../access.ts"
import { versionOf, write } from "../write.ts"
import { type Certificate, Issuer } from "../../events/certificate.ts"
import { CertificateDomain } from "../../events/values.ts"
import { CertificateRequest } from "../../commands/certificate-request.ts"
import { GatehouseError } from "../../errors.ts"
import { all } from "../../events/world.ts"
import { renewalDueAt } from "../../commands/certificate.ts"
import { lostHost } from "../../commands/certificate-claims.ts"

const tag = "certificates"
const base = "/api/v1/certificates"

/** Path parameter of every endpoint about one certificate. */
export const Named = z.strictObject({ cert_name: z.string().min(1).max(255) })

const { domains: Domains, cert_name: OptionalName, ...requestFields } = CertificateRequest.shape

const Requested = z.strictObject({
  message: z.string(),
  cert_name: z.string(),
  domains: z.array(z.string()),
  status: CertificateStatus,
})

const requestErrors = [
  "admin_required",
  "already_exists",
  "reserved_name",
  "email_required",
  "wildcard_requires_dns01",
  "issuer_not_applicable",
  "directory_not_allowed",
  "domain_claimed",
] as const

function request(call: Call, data: z.input<typeof CertificateRequest>): Promise<Answer> {
  return write<{ cert_name: string; domains: string[] }>(call, { type: "CreateCertificate", data }, ({ result }) => ({
    body: { message: `${result.cert_name} is being issued.`, ...result, status: "pending" },
    headers: { location: statusPath(result.cert_name) },
    version: versionOf(call, "certificate", result.cert_name.toLowerCase()),
  }))
}

/** Where the progress of a certificate is read. */
export function statusPath(certName: string): string {
  return `${base}/${encodeURIComponent(certName)}/status`
}

const createCertificate = endpoint({
  method: "POST",
  path: base,
  operationId: "createCertificate",
  tag,
  summary: "Request a certificate for one name.",
  who: "any",
  body: z.strictObject({ domain: CertificateDomain, cert_name: OptionalName, ...requestFields }),
  status: 201,
  response: Requested,
  errors: requestErrors,
  handler: (call) => {
    const { domain, ...rest } = call.body
    return request(call, { ...rest, domains: [domain] })
  },
})

const createMultiDomain = endpoint({
  method: "POST",
  path: `${base}/multi-domain`,
  operationId: "createMultiDomainCertificate",
  tag,
  summary: "Request one certificate for several names.",
  who: "any",
  body: z.strictObject({ cert_name: OptionalName.unwrap(), domains: Domains, ...requestFields }),
  status: 201,
  response: Requested.extend({ warnings: z.array(z.string()).optional() }),
  errors: requestErrors,
  async handler(call) {
    const answer = await request(call, call.body)
    const warnings = coveredTwice(call.body.domains)
    if (warnings.length === 0 || answer.status === 202) return answer
    return { ...answer, body: { ...(answer.body as object), warnings } }
  },
})

/** Names that a wildcard of the same list covers already. */
function coveredTwice(domains: readonly string[]): string[] {
  return domains.flatMap((domain) => {
    const wildcard = `*.${domain.slice(domain.indexOf(".") + 1)}`
    return !domain.startsWith("*.") && domains.includes(wildcard) ? [`${wildcard} covers ${domain} already`] : []
  })
}

const listCertificates = endpoint({
  method: "GET",
  path: base,
  operationId: "listCertificates",
  tag,
  summary: "List certificates: the caller's own, or all for an administrator.",
  who: "any",
  query: listQuery(["cert_name", "created_at", "expires_at"]).extend({
    status: CertificateStatus.optional(),
    domain: z.string().max(255).optional().describe("Exact name in the certificate."),
    issuer: Issuer.optional(),
  }),
  status: 200,
  response: listOf("certificates", CertificateView),
  handler(call) {
    const { sort_by, status, domain, issuer } = call.query
    const views = [...all(call.api.projections.world, "certificate")]
      .filter((certificate) => mayRead(call.caller, certificate.owner))
      .filter((certificate) => domain === undefined || certificate.domains.includes(domain.toLowerCase()))
      .filter((certificate) => issuer === undefined || certificate.issuer === issuer)
    const view = viewer(call)
    const shown = views.map(view).filter((item) => status === undefined || item.status === status)
    const key = (item: z.infer<typeof CertificateView>) =>
      sort_by === "cert_name" ? item.cert_name.toLowerCase() : (item[sort_by] ?? "")
    return {
      body: listPage(
        "certificates",
        shown,
        call.query,
        key,
        (item) => item.cert_name.toLowerCase(),
        (item) => item,
      ),
    }
  },
})

/** View of certificates at the present instant. */
function viewer({ api }: Call): (certificate: Certificate) => z.infer<typeof CertificateView> {
  const { world } = api.projections
  const days = api.config.RENEWAL_THRESHOLD_DAYS
  const context = {
    world,
    now: api.clock().toISOString(),
    attachedTo: attachments(world),
    renewalAt: ({ material }: Certificate) =>
      material === null ? null : new Date(renewalDueAt(material, days)).toISOString(),
  }
  return (certificate) => {
    const view = certificateView(certificate, context)
    const lost = lostHost(certificate, world)
    if (lost === undefined) return view
    const detail = `${lost} belongs to another owner, so the certificate is not renewed`
    return { ...view, next_renewal_at: null, last_error: { code: "domain_claimed", detail } }
  }
}

const showCertificate = endpoint({
  method: "GET",
  path: `${base}/{cert_name}`,
  operationId: "getCertificate",
  tag,
  summary: "Show a certificate and its chain; with include_private_key also its key, which is recorded as an event.",
  who: "owner",
  params: Named,
  query: z.strictObject({ include_private_key: flag(false) }),
  reveals: "include_private_key",
  status: 200,
  response: CertificateDetail,
  errors: ["not_owner", "invalid_state", "domain_claimed"],
  handler(call) {
    const certificate = ownObject(call, "certificate", call.params.cert_name.toLowerCase())
    const body = { ...viewer(call)(certificate), fullchain_pem: certificate.material?.fullchain_pem ?? null }
    const version = versionOf(call, "certificate", certificate.cert_name.toLowerCase())
    if (!call.query.include_private_key) return { body, version }
    return withPrivateKey(call, certificate.cert_name)
  },
})

function withPrivateKey(call: Call, cert_name: string): Promise<Answer> {
  const audited = { ...call, idempotencyKey: undefined, ifMatch: undefined }
  return write(audited, { type: "RecordKeyDownload", data: { cert_name } }, async () => {
    // Read again: between the first look and the audit a renewal may have put another key in place.
    const certificate = ownObject(call, "certificate", cert_name.toLowerCase())
    const material = certificate.material
    const sealed = material === null ? undefined : await call.api.store.secret(material.key_ref)
    if (material === null || sealed === undefined) throw new GatehouseError("invalid_state", "there is no key")
    const private_key_pem = call.api.vault.open(material.key_ref, sealed)
    return {
      secret: true,
      body: { ...viewer(call)(certificate), fullchain_pem: material.fullchain_pem, private_key_pem },
    }
  })
}

const deleteCertificate = endpoint({
  method: "DELETE",
  path: `${base}/{cert_name}`,
  operationId: "deleteCertificate",
  tag,
  summary: "Delete a certificate and its key, and detach it from its proxies.",
  who: "owner",
  params: Named,
  query: z.strictObject({ force: flag(false) }),
  status: 200,
  response: z.strictObject({ message: z.string(), detached: z.array(z.string()) }),
  errors: ["not_owner", "in_use"],
  handler: (call) =>
    write<{ detached: string[] }>(
      call,
      { type: "DeleteCertificate", data: { ...call.params, ...call.query } },
      ({ result }) => ({
        body: { message: `${call.params.cert_name} is deleted.`, detached: result.detached },
      }),
    ),
})

/** Endpoints about certificates as such. */
export const certificateEndpoints = [
  listCertificates,
  createCertificate,
  createMultiDomain,
  showCertificate,
  deleteCertificate,
]
