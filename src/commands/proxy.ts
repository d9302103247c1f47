import * as z from "zod"
import { CertificateName, Email, HostName } from "../events/values.ts"
import { type Provision, attach, provision, removable } from "./proxy-certificate.ts"
import { hostUsers, nextOwner, ownerOf, refuseUsed } from "./ownership.ts"
import { type World, find } from "../events/world.ts"
import { command, equal, existing, fact, invalid, requireAdmin, requireOwner } from "./decision.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import type { Proxy } from "../events/proxy.ts"
import { ServiceName } from "../events/service.ts"
import { checkTarget } from "./target.ts"
import { handOverProxy } from "./handover.ts"
import { removal } from "./removal.ts"

const refusedHeader =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|authorization|content-length|forwarded|x-auth-.*|x-forwarded-.*|x-real-ip)$/

/** Headers that a proxy adds to backend requests: at most 50, 8 KiB in all, none that Gatehouse sets itself. */
const CustomHeaders = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, "not a header name")
      .refine(
        (name) => !refusedHeader.test(name.toLowerCase().replace(/[^a-z0-9]/g, "-")),
        "Gatehouse sets this header itself",
      ),
    z
      .string()
      .max(4096)
      .regex(/^[\x20-\x7e\t]*$/, "printable ASCII only"),
  )
  .refine((headers) => Object.keys(headers).length <= 50, "at most 50 headers")
  .refine((headers) => Object.entries(headers).flat().join("").length <= 8192, "at most 8 KiB")

/** Fields that create and update share. */
export const ProxyFields = z.strictObject({
  target_url: z.string().trim().min(1).max(2048),
  cert_name: CertificateName.nullable(),
  enabled: z.boolean(),
  enable_http: z.boolean(),
  enable_https: z.boolean(),
  preserve_host_header: z.boolean(),
  custom_headers: CustomHeaders,
})

/** A new proxy as its caller describes it. */
export const ProxyRequest = ProxyFields.extend({
  hostname: HostName,
  cert_name: CertificateName.nullable().default(null),
  enabled: z.boolean().default(true),
  enable_http: z.boolean().default(true),
  enable_https: z.boolean().default(true),
  preserve_host_header: z.boolean().default(true),
  custom_headers: CustomHeaders.default({}),
  owner: z.string().max(64).optional(),
  cert_email: Email.optional(),
  staging: z.boolean().default(false),
  acme_directory_url: z
    .url({ protocol: /^https$/ })
    .max(2048)
    .optional(),
})

const proxy = ({ hostname }: { hostname: string }) => ({ kind: "proxy" as const, id: hostname })

/** The proxy, if the caller may change it. */
export function ownedProxy(hostname: string, world: World, context: Context): Proxy {
  const state = existing(find(world, "proxy", hostname), `proxy ${hostname}`)
  requireOwner(context, state.owner)
  return state
}

/** What only a restored configuration says. */
const Restored = ProxyRequest.extend({
  /** Exactly as given: the certificate need not cover the host, and none is looked for. */
  restore: z.boolean().optional(),
  service: ServiceName.optional(),
})

const CreateProxy = command(Restored, proxy, (data, world, context) => {
  const { hostname, owner: asked, cert_email, staging, acme_directory_url, restore, service, ...settings } = data
  if (restore !== undefined || service !== undefined) requireAdmin(context)
  const owner = ownerOf(asked, world, context)
  if (context.policy.adminHosts.includes(hostname) || context.policy.oauthHosts.includes(hostname))
    throw new GatehouseError("reserved_name", `${hostname} is Gatehouse's own`)
  if (find(world, "proxy", hostname) !== undefined)
    throw new GatehouseError("already_exists", `there is a proxy for ${hostname} already`)
  // A route that outlived its host must not lead to whoever takes the name next.
  if (!context.actor.admin)
    refuseUsed(
      hostUsers(world, hostname).filter((user) => user.owner !== owner),
      "another owner's route leads to this host",
    )
  refuseMute(settings)
  const target_url = checkTarget("target_url", settings.target_url, owner, world, context)
  const wish = { owner, cert_email, staging, acme_directory_url }
  const { events, cert_name, certificate_status } =
    restore === true
      ? restored(settings.cert_name, hostname, owner, world, context)
      : certificateFor(hostname, settings, wish, world, context)
  return {
    events: [
      ...events,
      fact("proxy", hostname, "ProxyCreated", {
        ...settings,
        target_url,
        cert_name,
        hostname,
        owner,
        ...(service !== undefined && { service }),
      }),
    ],
    result: { certificate_status, cert_name },
  }
})

function restored(name: string | null, hostname: string, owner: string, world: World, context: Context): Provision {
  if (name !== null) return attach(name, hostname, owner, true, world, context)
  return { events: [], cert_name: null, certificate_status: "not_required" }
}

function certificateFor(
  hostname: string,
  { cert_name, enable_https }: Pick<Proxy, "cert_name" | "enable_https">,
  wish: Parameters<typeof provision>[1],
  world: World,
  context: Context,
): Provision {
  if (cert_name !== null) return attach(cert_name, hostname, wish.owner, false, world, context)
  if (!enable_https) return { events: [], cert_name: null, certificate_status: "not_required" }
  return provision(hostname, wish, world, context)
}

function refuseMute({ enable_http, enable_https }: Pick<Proxy, "enable_http" | "enable_https">): void {
  if (!enable_http && !enable_https) throw invalid("enable_https", "enable_http and enable_https cannot both be false")
}

const UpdateProxy = command(
  z.strictObject({
    hostname: HostName,
    changes: ProxyFields.partial(),
    owner: z.string().max(64).optional(),
    force: z.boolean().default(false),
  }),
  proxy,
  ({ hostname, changes, owner, force }, world, context) => {
    const state = ownedProxy(hostname, world, context)
    const holder = nextOwner(owner, state.owner, world, context)
    const next = { ...state, ...(changes as z.infer<typeof ProxyFields>) }
    refuseMute(next)
    if (!next.enable_https && state.enable_https && state.auth?.auth_mode === "redirect")
      throw invalid("enable_https", "auth_mode redirect needs HTTPS")
    if (changes.target_url !== undefined)
      next.target_url = checkTarget("target_url", changes.target_url, holder, world, context)
    const events = []
    if (changes.cert_name !== undefined && changes.cert_name !== null)
      next.cert_name = attach(changes.cert_name, hostname, state.owner, force, world, context).cert_name
    else if (
      changes.cert_name === undefined &&
      changes.enable_https === true &&
      !state.enable_https &&
      next.cert_name === null
    ) {
      const provided = provision(hostname, { owner: state.owner, staging: false }, world, context)
      events.push(...provided.events)
      next.cert_name = provided.cert_name
    }
    const keys = Object.keys(ProxyFields.shape) as (keyof typeof ProxyFields.shape)[]
    const differing = keys.filter((key) => !equal(next[key], state[key]))
    if (differing.length > 0)
      events.push(fact("proxy", hostname, "ProxyUpdated", Object.fromEntries(differing.map((key) => [key, next[key]]))))
    if (holder !== state.owner) events.push(...handOverProxy(state, holder, world))
    return { events }
  },
)

const DeleteProxy = command(
  z.strictObject({
    hostname: HostName,
    delete_certificate: z.boolean().default(false),
    force: z.boolean().default(false),
  }),
  proxy,
  ({ hostname, delete_certificate }, world, context) => {
    const { cert_name } = ownedProxy(hostname, world, context)
    const certificate =
      delete_certificate && cert_name !== null ? removable(cert_name, hostname, world, context).cert_name : null
    const { events, removed } = removal(
      { proxies: [hostname], certificates: certificate === null ? [] : [certificate] },
      world,
    )
    return {
      events,
      result: { deleted_certificate: certificate, routes: removed.routes, resources: removed.resources },
    }
  },
)

/** Commands about proxies as such. */
export const proxyCommands = { CreateProxy, UpdateProxy, DeleteProxy } as const
