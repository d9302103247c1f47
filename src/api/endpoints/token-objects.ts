import * as z from "zod"
import { CertificateStatus, attachments, certificateStatus } from "../../projections/views/certificate.ts"
import { listOf, listPage, listQuery } from "../list.ts"
import { Environment } from "../../events/certificate.ts"
import { endpoint } from "../endpoint.ts"
import { ownedObjects } from "../../projections/views/owned.ts"
import { visibleToken } from "../access.ts"

const tag = "tokens"
const Named = z.strictObject({ name: z.string().min(1).max(64) })

const TokenCertificate = z.strictObject({
  cert_name: z.string(),
  domains: z.array(z.string()),
  status: CertificateStatus,
  environment: Environment,
  expires_at: z.string().nullable(),
  attached_to: z.array(z.string()),
})

const tokenCertificates = endpoint({
  method: "GET",
  path: "/api/v1/tokens/{name}/certificates",
  operationId: "listTokenCertificates",
  tag,
  summary: "List the certificates of a token.",
  who: "any",
  params: Named,
  query: listQuery(["cert_name", "expires_at"]),
  status: 200,
  response: listOf("certificates", TokenCertificate),
  errors: ["admin_required"],
  handler(call) {
    const { id } = visibleToken(call, call.params.name)
    const { world } = call.api.projections
    const attachedTo = attachments(world)
    const now = call.api.clock().toISOString()
    const { certificates } = ownedObjects(world)(id)
    return {
      body: listPage(
        "certificates",
        certificates,
        call.query,
        ({ cert_name, material }) =>
          call.query.sort_by === "cert_name" ? cert_name.toLowerCase() : (material?.expires_at ?? ""),
        ({ cert_name }) => cert_name,
        (certificate) => ({
          cert_name: certificate.cert_name,
          domains: certificate.domains,
          status: certificateStatus(certificate, now),
          environment: certificate.material?.environment ?? certificate.environment,
          expires_at: certificate.material?.expires_at ?? null,
          attached_to: attachedTo(certificate.cert_name),
        }),
      ),
    }
  },
})

const TokenProxy = z.strictObject({
  hostname: z.string(),
  target_url: z.string(),
  enabled: z.boolean(),
  cert_name: z.string().nullable(),
  environment: Environment.nullable().describe("Of the certificate that the proxy names."),
})

const tokenProxies = endpoint({
  method: "GET",
  path: "/api/v1/tokens/{name}/proxies",
  operationId: "listTokenProxies",
  tag,
  summary: "List the proxies of a token.",
  who: "any",
  params: Named,
  query: listQuery(["hostname"]),
  status: 200,
  response: listOf("proxies", TokenProxy),
  errors: ["admin_required"],
  handler(call) {
    const { id } = visibleToken(call, call.params.name)
    const { world } = call.api.projections
    const environment = (name: string | null) => {
      const certificate = name === null ? undefined : world.objects.certificate.get(name.toLowerCase())?.state
      return certificate?.material?.environment ?? certificate?.environment ?? null
    }
    return {
      body: listPage(
        "proxies",
        ownedObjects(world)(id).proxies,
        call.query,
        ({ hostname }) => hostname,
        ({ hostname }) => hostname,
        ({ hostname, target_url, enabled, cert_name }) => ({
          hostname,
          target_url,
          enabled,
          cert_name,
          environment: environment(cert_name),
        }),
      ),
    }
  },
})

/** Endpoints about what a token owns. */
export const tokenObjectEndpoints = [tokenCertificates, tokenProxies]
