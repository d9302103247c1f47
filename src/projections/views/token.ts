import * as z from "zod"
import type { ApiToken } from "../../events/api-token.ts"
import type { Owned } from "./owned.ts"

/** A token as lists show it; never its value. */
export const TokenView = z
  .strictObject({
    name: z.string(),
    cert_email: z.string().nullable().describe("Account e-mail for the certificates of this token."),
    created_at: z.string(),
    token_preview: z.string().describe("First and last characters of the value."),
    hash: z.string().describe("SHA-256 of the value."),
    certificate_count: z.int(),
    proxy_count: z.int(),
    service_count: z.int(),
    route_count: z.int(),
    is_admin: z.boolean(),
  })
  .meta({ id: "Token" })

/** A token with the names of everything that it owns. */
export const TokenDetail = TokenView.extend({
  certificates: z.array(z.string()),
  proxies: z.array(z.string()),
  routes: z.array(z.string()),
  services: z.array(z.string()),
  instances: z.array(z.string()),
  resources: z.array(z.string()),
  webhooks: z.array(z.string()),
}).meta({ id: "TokenDetail" })

/** View of a token. */
export function tokenView(token: ApiToken, owned: Owned): z.infer<typeof TokenView> {
  return {
    name: token.name,
    cert_email: token.cert_email,
    created_at: token.created_at,
    token_preview: token.preview,
    hash: token.hash,
    certificate_count: owned.certificates.length,
    proxy_count: owned.proxies.length,
    service_count: owned.services.length,
    route_count: owned.routes.length,
    is_admin: token.is_admin,
  }
}

/** View of a token with what it owns. */
export function tokenDetail(token: ApiToken, owned: Owned): z.infer<typeof TokenDetail> {
  return {
    ...tokenView(token, owned),
    certificates: owned.certificates.map((certificate) => certificate.cert_name),
    proxies: owned.proxies.map((proxy) => proxy.hostname),
    routes: owned.routes.map((route) => route.route_id),
    services: owned.services.map(({ service_name }) => service_name),
    instances: owned.instances.map((instance) => instance.name),
    resources: owned.resources.map((resource) => resource.uri),
    webhooks: owned.webhooks.map(({ name }) => name),
  }
}
