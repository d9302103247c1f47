import * as z from "zod"
import { type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { ensureCertificate, probePaths, repairRoutes, routeRecords } from "../oauth-setup.ts"
import { certificateValid, oauthCertificates, oauthHost } from "../oauth-host.ts"
import { find } from "../../events/world.ts"
import { GatehouseError } from "../../errors.ts"
import { HostName } from "../../events/values.ts"
import { reach } from "../diagnose/reach.ts"

const tag = "oauth"
const Names = z.array(z.string())

/** The OAuth host that is asked about: the one that this installation has. @throws GatehouseError `unknown_auth_proxy` */
function ownDomain({ api }: Pick<Call, "api">, asked: string | undefined): string {
  const host = oauthHost(api)
  // `example.com` stands for the OAuth host of that base domain.
  if (asked === undefined || asked === host || `auth.${asked}` === host) return host
  throw new GatehouseError("unknown_auth_proxy", `the OAuth host of this Gatehouse is ${host}`)
}

const setup = endpoint({
  method: "POST",
  path: "/api/v1/oauth/admin/setup-routes",
  operationId: "setupOAuthRoutes",
  tag,
  summary: "Verify that the OAuth host is served with a valid certificate and answers, and record its paths as routes.",
  who: "admin",
  body: z.strictObject({ oauth_domain: HostName.optional(), force: z.boolean().default(false) }),
  status: 200,
  response: z.strictObject({
    oauth_domain: z.string(),
    created_routes: Names,
    skipped_routes: Names,
    errors: Names,
    success: z.boolean(),
  }),
  errors: ["unknown_auth_proxy", "store_unavailable"],
  async handler(call) {
    const { api, body } = call
    const domain = ownDomain(call, body.oauth_domain)
    const { created, skipped, errors } = await repairRoutes(call, domain, body.force)
    const certificate = await ensureCertificate(call)
    const calls = await reach({ own: api.oauth.own, allow: () => false, signal: call.signal })
    try {
      const silent = await probePaths(calls, `https://${api.config.oauthAuthority}`)
      const faults = [...errors, ...(certificate === undefined ? [] : [`${domain}: ${certificate}`]), ...silent]
      return {
        body: {
          oauth_domain: domain,
          created_routes: created,
          skipped_routes: skipped,
          errors: faults,
          success: faults.length === 0,
        },
      }
    } finally {
      await calls.close()
    }
  },
})

const status = endpoint({
  method: "GET",
  path: "/api/v1/oauth/admin/setup-status",
  operationId: "getOAuthSetup",
  tag,
  summary: "Show which route records of the OAuth host are there, and whether it has a certificate.",
  who: "admin",
  query: z.strictObject({ domain: HostName.optional() }),
  status: 200,
  response: z.strictObject({
    configured: Names,
    missing: Names,
    misconfigured: Names,
    proxy_exists: z.boolean().describe("Is there a host that serves this? True for the built-in OAuth host."),
    certificate_valid: z.boolean(),
    is_complete: z.boolean(),
  }),
  handler(call) {
    const { api, query } = call
    const domain =
      query.domain === undefined || `auth.${query.domain}` === oauthHost(api) ? oauthHost(api) : query.domain
    const records = routeRecords(call, domain)
    const exists = domain === oauthHost(api) || find(api.projections.world, "proxy", domain) !== undefined
    const certificate_valid =
      domain === oauthHost(api) && certificateValid(oauthCertificates(api), api.clock().getTime())
    const is_complete = exists && certificate_valid && records.missing.length + records.misconfigured.length === 0
    return { body: { ...records, proxy_exists: exists, certificate_valid, is_complete } }
  },
})

/** Endpoints that verify and repair the OAuth host. */
export const oauthSetupEndpoints: readonly Endpoint[] = [setup, status]
