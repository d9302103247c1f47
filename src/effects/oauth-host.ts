import type { EffectContext } from "./effect-context.ts"
import { all } from "../events/world.ts"
import { covers } from "../events/values.ts"
import { isLocalName } from "../commands/certificate-request.ts"
import { report } from "./effect-context.ts"

/**
 * Requests a certificate for the OAuth host when no certificate of the administrator's is for it: MCP clients refuse an
 * authorization server without one. A public name needs an account e-mail; without ADMIN_EMAIL nothing is requested.
 */
export async function provideOAuthHost(context: EffectContext): Promise<void> {
  const { config, projections, log } = context
  const host = config.oauthAuthority.replace(/:\d+$/, "")
  const certificates = [...all(projections.world, "certificate")]
  if (certificates.some(({ owner, domains }) => owner === "admin" && domains.some((domain) => covers(domain, host))))
    return
  if (!isLocalName(host) && config.ADMIN_EMAIL === undefined)
    return log.warning("oauth_host_without_certificate", {
      host,
      reason: "set ADMIN_EMAIL, or request one by cert-create",
    })
  await report(context, "CreateCertificate", { cert_name: `oauth-${host.replaceAll(".", "-")}`, domains: [host] })
}
