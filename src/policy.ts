import type { Config } from "./platform/config.ts"
import type { Policy } from "./commands/decision.ts"

/** A place that nobody's requests are sent to. */
interface Door {
  readonly host: string
  readonly port: number
}

/** Where the store is, and the container engine unless it is a socket in the file system. */
export function innerDoors({ redisUrl, DOCKER_HOST }: Pick<Config, "redisUrl" | "DOCKER_HOST">): readonly Door[] {
  const engine = URL.parse(DOCKER_HOST)
  const doors = [{ url: new URL(redisUrl), usual: 6379 }]
  if (engine !== null && /^(tcp|https?):$/.test(engine.protocol)) doors.push({ url: engine, usual: 2375 })
  return doors.map(({ url, usual }) => ({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || usual),
  }))
}

/** Ports of this node's listeners and, where they are on this machine, of its store and its container engine. */
export function ownPorts(config: Config): number[] {
  return [config.HTTP_PORT, config.HTTPS_PORT, config.API_PORT, ...innerDoors(config).map(({ port }) => port)]
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
