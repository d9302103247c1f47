import * as z from "zod"
import { type Call, endpoint } from "../endpoint.ts"
import {
  ConfigurationDocument,
  type Entry,
  type EntryKind,
  entryKinds,
  entryName,
  format,
} from "../configuration/document.ts"
import { type Step, type Wanted, planFor } from "../configuration/plan.ts"
import { checkedPassphrase, openSecrets, sealSecrets } from "../configuration/secrets.ts"
import { desiredDigest, desiredState } from "../configuration/desired.ts"
import { exportedSecrets, workshopFor } from "../configuration/vault-values.ts"
import { GatehouseError } from "../../errors.ts"
import { carryOut } from "../configuration/carry-out.ts"
import { completeWorld } from "../complete-world.ts"
import { flag } from "../list.ts"
import { simulation } from "../configuration/simulation.ts"

const tag = "system"
const ownHostOf = ({ api }: Call) => api.config.oauthAuthority.replace(/:\d+$/, "")

const Kinds = z
  .string()
  .max(200)
  .transform((text, context) => {
    const names = text.split(/[,\s]+/).filter((name) => name !== "")
    const wrong = names.find((name) => !(entryKinds as string[]).includes(name))
    if (wrong === undefined && names.length > 0) return names as EntryKind[]
    context.addIssue({ code: "custom", message: `must name some of ${entryKinds.join(", ")}` })
    return z.NEVER
  })
  .meta({ type: "string" })

const exportConfiguration = endpoint({
  method: "GET",
  path: "/api/v1/export",
  operationId: "exportConfiguration",
  tag,
  summary:
    "Show everything that is wanted as one document that can be applied; with include_secrets also secrets, sealed under the passphrase of the header X-Passphrase.",
  who: "admin",
  query: z.strictObject({
    kinds: Kinds.optional().describe("Some of the kinds, between commas; all unless some are named."),
    include_secrets: flag(false),
  }),
  reveals: "include_secrets",
  passphrase: true,
  status: 200,
  response: ConfigurationDocument,
  errors: ["projection_incomplete", "passphrase_required"],
  async handler(call) {
    const { kinds = entryKinds, include_secrets } = call.query
    const passphrase = include_secrets ? checkedPassphrase(call.passphrase) : undefined
    await completeWorld(call.api)
    const secrets = passphrase === undefined ? null : await sealSecrets(await exportedSecrets(call, kinds), passphrase)
    const { world } = call.api.projections
    const { position } = world
    const state = desiredState(world, kinds, ownHostOf(call))
    return { secret: true, body: { format, position, digest: desiredDigest(state), ...state, secrets }, position }
  },
})

const Named = z.strictObject({ kind: z.enum(entryKinds), name: z.string() })
const Report = z.strictObject({
  dry_run: z.boolean(),
  create: z.array(Named),
  update: z.array(
    Named.extend({
      changes: z.array(z.strictObject({ field: z.string(), from: z.json(), to: z.json() })),
    }),
  ),
  delete: z.array(Named),
  unchanged: z.int(),
  errors: z.array(Named.extend({ code: z.string(), detail: z.string() })),
  position: z.int(),
  digest: z.string().describe("Of what is wanted now, of the document's kinds."),
})

const applyConfiguration = endpoint({
  method: "POST",
  path: "/api/v1/apply",
  operationId: "applyConfiguration",
  tag,
  summary:
    "Make everything what a document says; unless dry_run=false only plan it. What the document leaves out stays, unless prune removes it.",
  who: "admin",
  query: z.strictObject({ dry_run: flag(true), prune: flag(false) }),
  body: ConfigurationDocument,
  largeBody: true,
  // Each object is a write of its own, some milliseconds long; there may be many thousands.
  deadline: 1800,
  passphrase: true,
  status: 200,
  response: Report,
  errors: ["projection_incomplete", "passphrase_required", "passphrase_wrong", "concurrent_change"],
  async handler(call) {
    const { secrets, format: _, position: __, digest: ___, ...wanted } = call.body
    const { dry_run, prune } = call.query
    refuseTwins(wanted)
    const opened =
      secrets === null || call.passphrase === undefined
        ? undefined
        : await openSecrets(secrets, checkedPassphrase(call.passphrase))
    await completeWorld(call.api)
    const { api, caller } = call
    const actor = { name: caller.name, admin: caller.admin, token: caller.token }
    const ownHost = ownHostOf(call)
    const plan = await planFor(wanted, {
      simulation: simulation(api.projections.world, api.policy, actor, api.clock().toISOString()),
      workshop: workshopFor(call, opened),
      ownHost,
      publicHttpsPort: api.config.publicHttpsPort,
      prune,
    })
    const possible = plan.errors.length === 0
    const carried = dry_run || !possible ? undefined : await carryOut(call, plan.steps, ownHost)
    const steps = dry_run ? plan.steps : (carried?.done ?? [])
    const errors = carried?.error === undefined ? plan.errors : [carried.error]
    const kinds = entryKinds.filter((kind) => wanted[kind] !== undefined)
    const { world } = api.projections
    return {
      body: {
        dry_run,
        ...listed(steps),
        unchanged: plan.unchanged,
        errors,
        position: world.position,
        digest: desiredDigest(desiredState(world, kinds, ownHost)),
      },
    }
  },
})

/** @throws GatehouseError `validation_failed` for an object that the document has twice */
function refuseTwins(wanted: Wanted): void {
  const errors = entryKinds.flatMap((kind) => {
    const seen = new Set<string>()
    return ((wanted[kind] ?? []) as Entry[]).flatMap((entry, index) => {
      const name = entryName(kind, entry)
      const twin = seen.size === seen.add(name.toLowerCase()).size
      return twin ? [{ path: `${kind}.${index}`, message: `${name} is there twice` }] : []
    })
  })
  if (errors.length > 0) throw new GatehouseError("validation_failed", errors[0]!.message, { errors })
}

/** By what becomes of them; a proxy whose routes are set in a second step is one object. */
function listed(steps: readonly Step[]): Pick<z.input<typeof Report>, "create" | "update" | "delete"> {
  const created = new Set(steps.filter(({ action }) => action === "create").map(({ kind, id }) => `${kind} ${id}`))
  const of = (action: Step["action"]) => steps.filter((step) => step.action === action)
  const updates = Map.groupBy(
    of("update").filter(({ kind, id }) => !created.has(`${kind} ${id}`)),
    ({ kind, id }) => `${kind} ${id}`,
  )
  return {
    create: of("create").map(({ kind, name }) => ({ kind, name })),
    update: [...updates.values()].map((group) => ({
      kind: group[0]!.kind,
      name: group[0]!.name,
      changes: group.flatMap(({ changes }) => changes) as never,
    })),
    delete: of("delete").map(({ kind, name }) => ({ kind, name })),
  }
}

/** What moves the whole of what is wanted in and out. */
export const configurationEndpoints = [exportConfiguration, applyConfiguration]
