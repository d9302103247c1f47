import * as z from "zod"
import { Email, SecretRef, Sha256, TokenName } from "../events/values.ts"
import { type Doomed, nothingRemoved, removal } from "./removal.ts"
import { type User, attachedProxies, hostUsers, instanceUsers, ownedBy, refuseUsed, serviceUsers } from "./ownership.ts"
import { command, existing, fact, idOf, invalid, requireAdmin } from "./decision.ts"
import type { Decision } from "./decision.ts"
import { type World, all, find } from "../events/world.ts"
import { GatehouseError } from "../errors.ts"
import { handOverAll } from "./handover.ts"

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
  // Without a vault entry the token can be used by whoever has its value, and not be shown again.
  TokenRequest.extend({ hash: Sha256, preview: z.string().max(32), secret_ref: SecretRef.nullable() }),
  token,
  (data, world, context) => {
    requireAdmin(context)
    if (reserved.has(idOf(data.name))) throw new GatehouseError("reserved_name", `${data.name} is reserved`)
    if (find(world, "api-token", idOf(data.name)) !== undefined)
      throw new GatehouseError("already_exists", `there is a token ${data.name} already`)
    for (const { hash, name } of all(world, "api-token"))
      if (hash === data.hash) throw new GatehouseError("already_exists", `the token ${name} has this value already`)
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

/** Whoever signed in with the administrator's old token, and let applications in with it, has to prove themselves with the new one. */
function signedOut(world: World) {
  return [...all(world, "grant")]
    .filter(({ provider, username }) => provider === "local" && username === "ADMIN")
    .map(({ grant_id }) => fact("grant", grant_id, "GrantRevoked", { reason: "admin" }))
}

const RecordAdminToken = command(
  z.strictObject({ hash: Sha256, preview: z.string().max(32), cert_email: Email.nullable() }),
  () => token({ name: "admin" }),
  (data, world, context) => {
    requireAdmin(context)
    const state = find(world, "api-token", "admin")
    if (state === undefined)
      return {
        events: [
          fact("api-token", "admin", "TokenCreated", { name: "ADMIN", secret_ref: null, is_admin: true, ...data }),
        ],
      }
    const { cert_email, ...value } = data
    return {
      events: [
        ...(state.hash === value.hash ? [] : [fact("api-token", "admin", "TokenReplaced", value), ...signedOut(world)]),
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

function reassign(from: string, to: string, world: World): Decision {
  if (find(world, "api-token", to) === undefined || to === from)
    throw invalid("reassign_to", "there is no such other token")
  const { events, count } = handOverAll(from, to, world)
  return { events, result: { deleted_resources: { ...nothingRemoved, webhooks: [] }, reassigned: count } }
}

function remove(owner: string, data: { cascade: boolean; force: boolean }, world: World): Decision {
  const owned = ownedBy(world, owner)
  const doomed = {
    proxies: owned.proxies.map(({ hostname }) => hostname),
    routes: owned.routes.map(({ route_id }) => route_id),
    resources: owned.resources.map(({ uri }) => uri),
    instances: owned.instances.map(({ name }) => name),
    certificates: owned.certificates.map(({ cert_name }) => cert_name),
    services: owned.services.map(({ service_name }) => service_name),
  }
  const webhooks = owned.webhooks.map(({ name }) => name)
  const names = [...Object.values(doomed).flat(), ...webhooks]
  if (!data.cascade && names.length > 0)
    throw new GatehouseError("owns_resources", `the token owns ${names.length} objects`, { references: names })
  const foreign = usersOf(doomed, world).filter((user) => user.owner !== owner)
  if (!data.force) refuseUsed(foreign, "other owners' objects use what the token owns")
  const { events, removed } = removal(doomed, world)
  return {
    events: [...events, ...webhooks.map((name) => fact("webhook", name, "WebhookDeleted", { name }))],
    result: { deleted_resources: { ...removed, webhooks }, reassigned: 0 },
  }
}

function usersOf({ proxies, instances, certificates, services }: Required<Doomed>, world: World): User[] {
  return [
    ...certificates
      .flatMap((name) => attachedProxies(world, name))
      .map(({ hostname, owner }) => ({ name: hostname, owner })),
    ...instances.flatMap((name) => instanceUsers(world, name)),
    ...proxies.flatMap((hostname) => hostUsers(world, hostname)),
    ...services.flatMap((name) => serviceUsers(world, name)),
  ]
}

/** Commands about API tokens. */
export const apiTokenCommands = { CreateToken, UpdateTokenEmail, RevealToken, RecordAdminToken, DeleteToken } as const
