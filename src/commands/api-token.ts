import * as z from "zod"
import { Email, SecretRef, Sha256, TokenName } from "../events/values.ts"
import { attachedProxies, ownedBy } from "./ownership.ts"
import { command, existing, fact, idOf, invalid, requireAdmin } from "./decision.ts"
import type { Decision } from "./decision.ts"
import { type World, find } from "../events/world.ts"
import { GatehouseError } from "../errors.ts"

const reserved = new Set(["admin", "generate", "email", "info", "formatted"])
const token = ({ name }: { name: string }) => ({ kind: "api-token" as const, id: idOf(name) })

/** Name and account e-mail of a new token: what the caller chooses. */
export const TokenRequest = z.strictObject({ name: TokenName, cert_email: Email.nullable().default(null) })

/** How a token's objects are dealt with when it goes. */
export const TokenDeletion = z.strictObject({
  name: TokenName,
  cascade: z.boolean().default(true),
  force: z.boolean().default(false),
  reassign_to: TokenName.nullable().default(null),
  dry_run: z.boolean().default(false),
})

const CreateToken = command(
  TokenRequest.extend({ hash: Sha256, preview: z.string().max(32), secret_ref: SecretRef }),
  token,
  (data, world, context) => {
    requireAdmin(context)
    if (reserved.has(idOf(data.name))) throw new GatehouseError("reserved_name", `${data.name} is reserved`)
    if (find(world, "api-token", idOf(data.name)) !== undefined)
      throw new GatehouseError("already_exists", `there is a token ${data.name} already`)
    return {
      events: [fact("api-token", idOf(data.name), "TokenCreated", { ...data, is_admin: false })],
      result: { name: data.name },
    }
  },
)

const UpdateTokenEmail = command(
  z.strictObject({ name: TokenName, cert_email: Email.nullable() }),
  token,
  (data, world, context) => {
    const id = idOf(data.name)
    if (context.actor.token !== id) requireAdmin(context)
    const state = existing(find(world, "api-token", id), `token ${data.name}`)
    const events =
      state.cert_email === data.cert_email
        ? []
        : [fact("api-token", id, "TokenEmailUpdated", { cert_email: data.cert_email })]
    return { events, result: { name: state.name, cert_email: data.cert_email } }
  },
)

const RevealToken = command(z.strictObject({ name: TokenName }), token, (data, world, context) => {
  requireAdmin(context)
  const state = existing(find(world, "api-token", idOf(data.name)), `token ${data.name}`)
  if (state.secret_ref === null)
    throw new GatehouseError("not_revealable", `the value of ${state.name} is only in the environment`)
  return { events: [fact("api-token", idOf(data.name), "TokenRevealed", { by: context.actor.name })] }
})

const RecordAdminToken = command(
  z.strictObject({ hash: Sha256, preview: z.string().max(32), cert_email: Email.nullable() }),
  () => token({ name: "admin" }),
  (data, world, context) => {
    requireAdmin(context)
    const state = find(world, "api-token", "admin")
    if (state === undefined)
      return { events: [fact("api-token", "admin", "TokenCreated", { name: "ADMIN", secret_ref: null, is_admin: true, ...data })] }
    const { cert_email, ...value } = data
    return {
      events: [
        ...(state.hash === value.hash ? [] : [fact("api-token", "admin", "TokenReplaced", value)]),
        ...(state.cert_email === cert_email ? [] : [fact("api-token", "admin", "TokenEmailUpdated", { cert_email })]),
      ],
    }
  },
)

const DeleteToken = command(TokenDeletion, token, (data, world, context) => {
  requireAdmin(context)
  const id = idOf(data.name)
  if (id === "admin") throw new GatehouseError("protected", "ADMIN cannot be deleted")
  const state = existing(find(world, "api-token", id), `token ${data.name}`)
  const objects = data.reassign_to === null ? remove(id, data, world) : reassign(id, idOf(data.reassign_to), world)
  const events = [fact("api-token", id, "TokenDeleted", { name: state.name }), ...objects.events]
  return { events: data.dry_run ? [] : events, result: { ...(objects.result as object), dry_run: data.dry_run } }
})

/** Objects that a deletion takes along, by kind; the kinds are those of the admin surface. */
const report = (proxies: readonly string[] = [], certificates: readonly string[] = []) => ({
  certificates,
  proxies,
  routes: [],
  services: [],
  instances: [],
  resources: [],
})

function reassign(from: string, to: string, world: World): Decision {
  if (find(world, "api-token", to) === undefined || to === from) throw invalid("reassign_to", "there is no such other token")
  const { proxies, certificates } = ownedBy(world, from)
  return {
    events: [
      ...proxies.map(({ hostname }) => fact("proxy", hostname, "ProxyReassigned", { owner: to })),
      ...certificates.map(({ cert_name }) => fact("certificate", idOf(cert_name), "CertificateReassigned", { owner: to })),
    ],
    result: { deleted_resources: report(), reassigned: proxies.length + certificates.length },
  }
}

function remove(owner: string, data: { cascade: boolean; force: boolean }, world: World): Decision {
  const { proxies, certificates } = ownedBy(world, owner)
  const owned = [...proxies.map((proxy) => proxy.hostname), ...certificates.map((certificate) => certificate.cert_name)]
  if (!data.cascade && owned.length > 0)
    throw new GatehouseError("owns_resources", `the token owns ${owned.length} objects`, { references: owned })
  const foreign = certificates.flatMap(({ cert_name }) => attachedProxies(world, cert_name)).filter((proxy) => proxy.owner !== owner)
  if (foreign.length > 0 && !data.force)
    throw new GatehouseError("in_use", "other owners' proxies use its certificates", {
      references: foreign.map((proxy) => proxy.hostname),
    })
  return {
    events: [
      ...proxies.map(({ hostname }) => fact("proxy", hostname, "ProxyDeleted", { hostname })),
      ...foreign.map(({ hostname }) => fact("proxy", hostname, "ProxyUpdated", { cert_name: null })),
      ...certificates.map(({ cert_name }) => fact("certificate", idOf(cert_name), "CertificateDeleted", { cert_name })),
    ],
    result: {
      deleted_resources: report(
        proxies.map((proxy) => proxy.hostname),
        certificates.map((certificate) => certificate.cert_name),
      ),
      reassigned: 0,
    },
  }
}


/** Commands about API tokens. */
export const apiTokenCommands = { CreateToken, UpdateTokenEmail, RevealToken, RecordAdminToken, DeleteToken } as const
