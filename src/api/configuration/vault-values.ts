import type { Call } from "../endpoint.ts"
import type { EntryKind } from "./document.ts"
import { GatehouseError } from "../../errors.ts"
import type { Secrets } from "./secrets.ts"
import type { Workshop } from "./intent.ts"
import { patience } from "../write.ts"
import type * as z from "zod"

type Values = z.infer<typeof Secrets>

async function valueOf({ api }: Call, ref: string): Promise<string | undefined> {
  const sealed = await api.store.secret(ref)
  return sealed === undefined ? undefined : api.vault.open(ref, sealed)
}

/**
 * Values of tokens, of the environments of services, and signing secrets of webhooks. That they leave Gatehouse is recorded, for each of them, before they do.
 * @throws GatehouseError `projection_behind` when the record is not decided in time
 */
export async function exportedSecrets(call: Call, kinds: readonly EntryKind[]): Promise<Values> {
  const { api, caller } = call
  const { objects } = api.projections.world
  const tokens = [...(kinds.includes("tokens") ? objects["api-token"] : [])].filter(
    ([, { state }]) => state.secret_ref !== null && !state.is_admin,
  )
  const services = [...(kinds.includes("services") ? objects.service : [])].filter(
    ([, { state }]) => state.environment.length > 0 && state.desired_state !== "removed",
  )
  const webhooks = [...(kinds.includes("webhooks") ? objects.webhook : [])]
  const executed = await api.bus.execute(
    {
      type: "ExportSecrets",
      data: {
        tokens: tokens.map(([id]) => id),
        services: services.map(([id]) => id),
        webhooks: webhooks.map(([id]) => id),
      },
      actor: { name: caller.name, admin: caller.admin, token: caller.token },
      requestId: call.requestId,
      ...(call.ip !== undefined && { ip: call.ip }),
    },
    patience,
  )
  const recorded = executed.status === "accepted" && (await api.projections.reached(executed.position, patience))
  if (!recorded) throw new GatehouseError("projection_behind", "the export is not recorded yet", { retryAfter: 1 })
  const values: Values = { tokens: {}, services: {}, webhooks: {} }
  for (const [, { state }] of tokens) {
    const value = await valueOf(call, state.secret_ref!)
    if (value !== undefined) values.tokens[state.name] = value
  }
  for (const [, { state }] of services) {
    const variables: Record<string, string> = {}
    for (const { name, value_ref } of state.environment) {
      const value = await valueOf(call, value_ref)
      if (value !== undefined) variables[name] = value
    }
    values.services[state.service_name] = variables
  }
  for (const [name, { state }] of webhooks) {
    const value = await valueOf(call, state.secret_ref)
    if (value !== undefined) values.webhooks[name] = value
  }
  return values
}

/** What a plan takes from the document's secrets and from the vault. @param brought undefined: the document brings none */
export function workshopFor(call: Call, brought: Values | undefined): Workshop {
  const own = <T>(record: Readonly<Record<string, T>> | undefined, name: string) =>
    record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined
  return {
    tokenValue: (name) => own(brought?.tokens, name),
    variableValue: (service, variable) => own(own(brought?.services, service), variable),
    webhookSecret: (name) => own(brought?.webhooks, name),
    newWebhookSecret: () => call.api.webhooks.newSecret(),
    presentValue: (ref) => valueOf(call, ref),
    seal: (ref, value) => call.api.vault.seal(ref, value),
  }
}
