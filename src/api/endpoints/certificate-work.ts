import * as z from "zod"
import {
  CertificateStatus,
  GenerationView,
  certificateStatus,
  generationView,
} from "../../projections/views/certificate.ts"
import { Named, statusPath } from "./certificates.ts"
import { type Proxy } from "../../events/proxy.ts"
import { flag, integer } from "../list.ts"
import { mayRead, ownObject } from "../access.ts"
import { versionOf, write } from "../write.ts"
import type { Call } from "../endpoint.ts"
import { all } from "../../events/world.ts"
import { covers } from "../../events/values.ts"
import { endpoint } from "../endpoint.ts"
import { isOpen } from "../../events/certificate.ts"
import { untilTrue } from "../until.ts"

const tag = "certificates"
const one = "/api/v1/certificates/{cert_name}"

const StatusView = z.strictObject({
  cert_name: z.string(),
  status: CertificateStatus,
  generation: GenerationView,
  message: z.string(),
  expires_at: z.string().nullable(),
})

const messages = {
  pending: "The certificate is being issued.",
  active: "The certificate is served.",
  renewing: "A new certificate is being issued; the present one is served.",
  replacing: "A production certificate is being issued; the present one is served.",
  failed: "The last attempt failed; there is nothing to serve yet.",
  expired: "The certificate has expired.",
} as const

const certificateStatusEndpoint = endpoint({
  method: "GET",
  path: `${one}/status`,
  operationId: "getCertificateStatus",
  tag,
  summary: "Show where the work on a certificate stands; with wait, once no work is open.",
  who: "owner",
  params: Named,
  query: z.strictObject({ wait: flag(false), timeout: integer(0, 600, 120) }),
  status: 200,
  response: StatusView,
  errors: ["not_owner"],
  async handler(call) {
    const { api, params, query } = call
    const current = () => ownObject(call, "certificate", params.cert_name.toLowerCase())
    if (query.wait)
      await untilTrue(api.projections, () => !isOpen(current().generation), query.timeout * 1000, call.signal)
    const certificate = current()
    const now = api.clock().toISOString()
    const status = certificateStatus(certificate, now)
    return {
      body: {
        cert_name: certificate.cert_name,
        status,
        generation: generationView(certificate.generation, now, api.config.CERT_STATUS_RETENTION_SECONDS),
        message: messages[status],
        expires_at: certificate.material?.expires_at ?? null,
      },
      version: versionOf(call, "certificate", certificate.cert_name.toLowerCase()),
    }
  },
})

const coverage = endpoint({
  method: "GET",
  path: `${one}/coverage`,
  operationId: "getCertificateCoverage",
  tag,
  summary: "Show which proxies a certificate covers, and which of its names no proxy uses.",
  who: "owner",
  params: Named,
  status: 200,
  response: z.strictObject({
    domains: z.array(z.string()),
    covered: z.array(
      z.strictObject({ hostname: z.string(), match: z.enum(["exact", "wildcard"]), attached: z.boolean() }),
    ),
    attachable: z.array(z.string()).describe("Covered hosts of the same owner that name another certificate, or none."),
    uncovered_domains: z.array(z.string()).describe("Names in the certificate that no proxy uses."),
  }),
  errors: ["not_owner"],
  handler(call) {
    const { cert_name, domains, owner } = ownObject(call, "certificate", call.params.cert_name.toLowerCase())
    const attached = (proxy: Proxy) => proxy.cert_name?.toLowerCase() === cert_name.toLowerCase()
    const covered = visibleProxies(call).filter(({ hostname }) => domains.some((domain) => covers(domain, hostname)))
    return {
      body: {
        domains,
        covered: covered.map((proxy) => ({
          hostname: proxy.hostname,
          match: domains.includes(proxy.hostname) ? "exact" : "wildcard",
          attached: attached(proxy),
        })),
        attachable: covered
          .filter((proxy) => !attached(proxy) && proxy.owner === owner)
          .map(({ hostname }) => hostname),
        uncovered_domains: domains.filter((domain) => !covered.some(({ hostname }) => covers(domain, hostname))),
      },
      version: versionOf(call, "certificate", cert_name.toLowerCase()),
    }
  },
})

function visibleProxies({ api, caller }: Call): Proxy[] {
  return [...all(api.projections.world, "proxy")]
    .filter((proxy) => mayRead(caller, proxy.owner))
    .sort((a, b) => (a.hostname < b.hostname ? -1 : 1))
}

const renew = endpoint({
  method: "POST",
  path: `${one}/renew`,
  operationId: "renewCertificate",
  tag,
  summary: "Renew a certificate that is due, or any with force; an open run is joined.",
  who: "owner",
  params: Named,
  body: z.strictObject({ force: z.boolean().default(false) }),
  status: 202,
  response: z.union([
    z.strictObject({ message: z.string(), status: CertificateStatus }),
    z.strictObject({ message: z.string(), expires_at: z.string().nullable(), renewed: z.literal(false) }),
  ]),
  errors: ["not_owner", "domain_claimed"],
  handler(call) {
    const data = { ...call.params, ...call.body }
    return write<{ renewed: boolean; expires_at: string | null }>(
      call,
      { type: "RenewCertificate", data },
      ({ result }) => {
        if (!result.renewed)
          return {
            status: 200,
            body: { message: "The certificate is not due.", expires_at: result.expires_at, renewed: false },
          }
        return {
          body: { message: "The renewal has begun.", status: statusNow(call) },
          headers: { location: statusPath(call.params.cert_name) },
          version: versionOf(call, "certificate", call.params.cert_name.toLowerCase()),
        }
      },
    )
  },
})

function statusNow(call: Call<{ cert_name: string }>): z.infer<typeof CertificateStatus> {
  return certificateStatus(
    ownObject(call, "certificate", call.params.cert_name.toLowerCase()),
    call.api.clock().toISOString(),
  )
}

const convert = endpoint({
  method: "POST",
  path: `${one}/convert-to-production`,
  operationId: "convertCertificate",
  tag,
  summary: "Replace a staging certificate by one of the production CA; the present one is served until then.",
  who: "owner",
  params: Named,
  status: 202,
  response: z.strictObject({ message: z.string(), status: CertificateStatus }),
  errors: ["not_owner", "invalid_state", "domain_claimed"],
  handler: (call) =>
    write<{ converted: boolean }>(call, { type: "ConvertCertificate", data: call.params }, ({ result }) => ({
      ...(!result.converted && { status: 200 }),
      body: {
        message: result.converted ? "The replacement has begun." : "The certificate is of the production CA already.",
        status: statusNow(call),
      },
      ...(result.converted && { headers: { location: statusPath(call.params.cert_name) } }),
      version: versionOf(call, "certificate", call.params.cert_name.toLowerCase()),
    })),
})

/** Endpoints about the work on a certificate. */
export const certificateWorkEndpoints = [certificateStatusEndpoint, coverage, renew, convert]
