import { type Answered, type Reach, asked } from "./diagnose/reach.ts"
import type { Call } from "./endpoint.ts"
import type { Route } from "../events/route.ts"
import { certificateValid, oauthCertificates, oauthHost } from "./oauth-host.ts"
import { equal } from "../commands/decision.ts"
import { find } from "../events/world.ts"
import { GatehouseError } from "../errors.ts"
import { isLocalName } from "../commands/certificate-request.ts"

/** Paths of the authorization server by the ids of their route records. */
const routePaths = {
  "oauth-authorize": "/authorize",
  "oauth-token": "/token",
  "oauth-callback": "/callback",
  "oauth-register": "/register",
  "oauth-verify": "/verify",
  "oauth-revoke": "/revoke",
  "oauth-introspect": "/introspect",
  "oauth-jwks": "/jwks",
  "oauth-server-metadata": "/.well-known/oauth-authorization-server",
  "oauth-resource-metadata": "/.well-known/oauth-protected-resource",
} as const

type Settings = Pick<
  Route,
  | "path_pattern"
  | "is_regex"
  | "target_type"
  | "target_value"
  | "priority"
  | "methods"
  | "enabled"
  | "scope"
  | "proxy_hostnames"
>

/** What the record of a path must say. It is for the OAuth host alone: on other hosts the path is their backend's. */
function expected(path: string, domain: string): Settings {
  return {
    path_pattern: path,
    is_regex: false,
    target_type: "hostname",
    target_value: domain,
    priority: 95,
    methods: null,
    enabled: true,
    scope: "proxy",
    proxy_hostnames: [domain],
  }
}

/** How the route records of an OAuth host stand, by id. */
export interface RouteRecords {
  readonly configured: string[]
  readonly missing: string[]
  readonly misconfigured: string[]
}

/** Compares the records with what they must say. */
export function routeRecords({ api }: Pick<Call, "api">, domain: string): RouteRecords {
  const found: RouteRecords = { configured: [], missing: [], misconfigured: [] }
  for (const [id, path] of Object.entries(routePaths)) {
    const record = find(api.projections.world, "route", id)
    const wanted = expected(path, domain)
    if (record === undefined) found.missing.push(id)
    else if (Object.entries(wanted).every(([name, value]) => equal(record[name as keyof Settings], value)))
      found.configured.push(id)
    else found.misconfigured.push(id)
  }
  return found
}

/** What a setup did. */
export interface Setup {
  readonly created: string[]
  readonly skipped: string[]
  readonly errors: string[]
}

/** Creates the records that are missing, and with `force` those anew that were changed. */
export async function repairRoutes(call: Call, domain: string, force: boolean): Promise<Setup> {
  const { configured, missing, misconfigured } = routeRecords(call, domain)
  const [created, errors]: string[][] = [[], []]
  const attempt = async (id: string, work: () => Promise<unknown>) => {
    try {
      await work()
      created!.push(id)
    } catch (error) {
      if (!(error instanceof GatehouseError) || error.status === 503) throw error
      errors!.push(`${id}: ${error.message}`)
    }
  }
  const create = (id: string) =>
    execute(call, "CreateRoute", {
      route_id: id,
      ...expected(routePaths[id as keyof typeof routePaths], domain),
      description: "Built in on the OAuth host; this record shows it.",
    })
  for (const id of missing) await attempt(id, () => create(id))
  for (const id of force ? misconfigured : [])
    await attempt(id, async () => {
      await execute(call, "DeleteRoute", { route_id: id, force: true })
      await create(id)
    })
  if (!force) errors!.push(...misconfigured.map((id) => `${id}: was changed; force resets it`))
  return { created: created!, skipped: configured, errors: errors! }
}

/** As the administrator, but not by a token: records with these ids are nobody's to make by hand. */
async function execute({ api, caller, ip, requestId }: Call, type: string, data: unknown): Promise<void> {
  const actor = { name: caller.name, admin: true }
  const executed = await api.bus.execute({ type, data, actor, requestId, ...(ip !== undefined && { ip }) })
  if (executed.status === "queued")
    throw new GatehouseError("store_unavailable", "the command waits to be decided", { retryAfter: 2 })
}

/**
 * Sees to it that the OAuth host has a certificate.
 * @returns what is wrong, or undefined
 */
export async function ensureCertificate(call: Call): Promise<string | undefined> {
  const { api } = call
  const host = oauthHost(api)
  const certificates = oauthCertificates(api)
  if (certificateValid(certificates, api.clock().getTime())) return undefined
  if (certificates.length > 0) return `the certificate ${certificates[0]!.cert_name} is not issued yet, or has expired`
  if (!isLocalName(host) && api.config.ADMIN_EMAIL === undefined)
    return "there is no certificate, and no ADMIN_EMAIL to request one with"
  const cert_name = `oauth-${host.replaceAll(".", "-")}`
  try {
    await execute(call, "CreateCertificate", { cert_name, domains: [host] })
  } catch (error) {
    // Another set-up was faster, or somebody else has that name.
    if (!(error instanceof GatehouseError && error.code === "already_exists")) throw error
    return error.message
  }
  return `the certificate ${cert_name} was requested; run this again when it is issued`
}

const probes: readonly { path: string; method: "GET" | "POST"; expected: readonly number[] }[] = [
  { path: "/.well-known/oauth-authorization-server", method: "GET", expected: [200] },
  { path: "/jwks", method: "GET", expected: [200] },
  { path: "/authorize", method: "GET", expected: [400] },
  { path: "/callback", method: "GET", expected: [400] },
  { path: "/token", method: "POST", expected: [400, 401] },
  { path: "/register", method: "POST", expected: [400, 403, 415] },
  { path: "/verify", method: "GET", expected: [401] },
  { path: "/revoke", method: "POST", expected: [400, 401] },
  { path: "/introspect", method: "POST", expected: [400, 401] },
]

/** Calls every path over the public listener with an empty request. @returns what does not answer as it should */
export async function probePaths(reach: Reach, issuer: string): Promise<string[]> {
  const answers = await Promise.all(
    probes.map(async ({ path, method, expected: statuses }) => {
      const form = { headers: { "content-type": "application/x-www-form-urlencoded" }, body: "" }
      const answer: Answered | string = await asked(reach, issuer + path, { method, ...(method === "POST" && form) })
      if (typeof answer === "string") return [`${path}: ${answer}`]
      return statuses.includes(answer.status) ? [] : [`${path} answers ${answer.status}`]
    }),
  )
  return answers.flat()
}
