import * as z from "zod"
import { AuthRequest, McpRequest } from "../../commands/proxy-auth.ts"
import { CertificateDomain, CertificateName, Email, HostName, Sha256, TokenName } from "../../events/values.ts"
import { Environment, Issuer, KeyType } from "../../events/certificate.ts"
import { NewServiceFields, VariableName } from "../../commands/service-request.ts"
import { CertificateRequest } from "../../commands/certificate-request.ts"
import { InstanceRequest } from "../../commands/instance.ts"
import { ProxyRequest } from "../../commands/proxy.ts"
import { ProxyRoutesRequest } from "../../commands/proxy-routes.ts"
import { ResourceRequest } from "../../commands/resource.ts"
import { RouteRequest } from "../../commands/route.ts"
import { SealedSecrets } from "./secrets.ts"
import { ServiceName } from "../../events/service.ts"
import { WebhookName } from "../../events/webhook.ts"
import { WebhookRequest } from "../../commands/webhook.ts"

/** Version of the document's form. */
export const format = "gatehouse/1"

/** Name of the token that an object belongs to; the administrator's unless another is named. */
const owner = z.string().min(1).max(64).default("ADMIN")

/** A token without its value: the hash is what makes the value valid. */
const TokenEntry = z.strictObject({
  name: TokenName,
  cert_email: Email.nullable().default(null),
  hash: Sha256.describe("SHA-256 of the value: whoever has the value can use it."),
  preview: z.string().max(32).default("…"),
})

const InstanceEntry = InstanceRequest.extend({ owner })

/** What is left out of a certificate is chosen when it is requested, and left as it is when it is there. */
const CertificateEntry = z.strictObject({
  cert_name: CertificateName,
  domains: z.array(CertificateDomain).min(1).max(100),
  email: Email.nullable().optional(),
  issuer: Issuer.optional(),
  environment: Environment.optional(),
  acme_directory_url: CertificateRequest.shape.acme_directory_url.unwrap().nullable().optional(),
  key_type: KeyType.optional(),
  owner,
})

const { shape: proxy } = ProxyRequest
const ProxyEntry = z.strictObject({
  hostname: proxy.hostname,
  target_url: proxy.target_url,
  cert_name: CertificateName.nullable().optional().describe("Left out: found or requested when HTTPS is on."),
  enabled: proxy.enabled,
  enable_http: proxy.enable_http,
  enable_https: proxy.enable_https,
  preserve_host_header: proxy.preserve_host_header,
  custom_headers: proxy.custom_headers,
  service: ServiceName.nullable().default(null).describe("The service that it was made for and goes with."),
  auth: AuthRequest.nullable().default(null),
  mcp: McpRequest.nullable().default(null),
  route_mode: ProxyRoutesRequest.shape.route_mode.default("all"),
  enabled_routes: ProxyRoutesRequest.shape.enabled_routes,
  disabled_routes: ProxyRoutesRequest.shape.disabled_routes,
  owner,
})

const RouteEntry = RouteRequest.extend({ owner })

const ResourceEntry = ResourceRequest.extend({
  proxy_target: HostName,
  auto: z.boolean().default(false).describe("Made from the MCP settings of its proxy, and kept in step with them."),
  owner,
})

const ServiceEntry = NewServiceFields.extend({
  environment: z.array(VariableName).max(200).default([]).describe("Names; the values are secrets."),
  desired_state: z.enum(["running", "stopped"]).default("running"),
  owner,
})

const WebhookEntry = z.strictObject({
  name: WebhookName,
  url: WebhookRequest.shape.url,
  description: WebhookRequest.shape.description,
  filter: WebhookRequest.shape.filter,
  enabled: z.boolean().default(true),
  owner,
})

/** Entries of each kind, in the order in which they are applied. */
export const entries = {
  tokens: TokenEntry,
  instances: InstanceEntry,
  certificates: CertificateEntry,
  proxies: ProxyEntry,
  routes: RouteEntry,
  resources: ResourceEntry,
  services: ServiceEntry,
  webhooks: WebhookEntry,
} as const

/** A kind of objects in the document. */
export type EntryKind = keyof typeof entries
/** An object of one kind. */
export type Entry<K extends EntryKind = EntryKind> = z.output<(typeof entries)[K]>
/** Kinds in the order in which they are applied. */
export const entryKinds = Object.keys(entries) as EntryKind[]

const most = 20_000
const list = <T extends z.ZodType>(entry: T) => z.array(entry).max(most).optional()

/** Desired state: objects by kind. A kind that is left out is not spoken of. */
const Desired = z.strictObject({
  tokens: list(TokenEntry),
  instances: list(InstanceEntry),
  certificates: list(CertificateEntry),
  proxies: list(ProxyEntry),
  routes: list(RouteEntry),
  resources: list(ResourceEntry),
  services: list(ServiceEntry),
  webhooks: list(WebhookEntry),
})

/** What an export is, and what can be applied. Position and digest say where it comes from; they are not compared. */
export const ConfigurationDocument = Desired.extend({
  format: z.literal(format).default(format),
  position: z.int().optional(),
  digest: z.string().optional(),
  secrets: SealedSecrets.nullable().default(null),
})

const nameFields = {
  tokens: "name",
  instances: "name",
  certificates: "cert_name",
  proxies: "hostname",
  routes: "route_id",
  resources: "uri",
  services: "service_name",
  webhooks: "name",
} as const satisfies Record<EntryKind, string>

/** What names an object among those of its kind. */
export function entryName(kind: EntryKind, entry: Entry): string {
  return (entry as unknown as Record<string, string>)[nameFields[kind]]!
}
