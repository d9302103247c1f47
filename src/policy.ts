import type { Config } from "./platform/config.ts"
import type { Policy } from "./commands/decision.ts"

/** Ports of this node's listeners and, where it is on this machine, of its store. */
export function ownPorts(config: Config): number[] {
  return [config.HTTP_PORT, config.HTTPS_PORT, config.API_PORT, Number(new URL(config.redisUrl).port || 6379)]
}

/** What decisions take from the configuration. */
export function policyOf(config: Config): Policy {
  return {
    adminEmail: config.ADMIN_EMAIL ?? null,
    acmeDirectoryUrl: config.ACME_DIRECTORY_URL,
    acmeStagingUrl: config.ACME_STAGING_URL,
    adminHosts: config.ADMIN_HOSTS,
    oauthHosts: [config.oauthAuthority.replace(/:\d+$/, "")],
    targetAllowCidrs: config.TARGET_ALLOW_CIDRS,
    ownPorts: ownPorts(config),
    publicHttpsPort: config.publicHttpsPort,
    services: {
      images: config.SERVICE_ALLOWED_IMAGES,
      firstPort: config.servicePorts.first,
      lastPort: config.servicePorts.last,
      networks: config.SERVICE_NETWORKS,
      baseDomain: config.BASE_DOMAIN,
    },
    renewalThresholdDays: config.RENEWAL_THRESHOLD_DAYS,
  }
}
