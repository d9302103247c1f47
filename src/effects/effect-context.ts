import type { CommandBus } from "../platform/command-bus.ts"
import type { CommandType } from "../commands/command.ts"
import type { Config } from "../platform/config.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import type { EventStore } from "../platform/event-store.ts"
import { GatehouseError } from "../errors.ts"
import type { Logger } from "../platform/log.ts"
import type { Projections } from "../projections/projections.ts"
import type { Vault } from "../platform/vault.ts"
import { randomUUID } from "node:crypto"

/** What effects work with. */
export interface EffectContext {
  readonly config: Config
  readonly store: EventStore
  readonly bus: CommandBus
  readonly projections: Projections
  readonly vault: Vault
  readonly log: Logger
  readonly crash: CrashPoint
  readonly now: () => Date
  /** Which effect reports; `acme` unless said otherwise. */
  readonly worker?: string
  /** Uniform in [0, 1); only spreads load. */
  readonly random: () => number
}

const decisionMs = 10_000

/**
 * Reports by a command what an effect did, and waits until this node has folded it.
 * @param secrets vault entries by reference, in clear; they are sealed here
 * @returns what the decision answered
 * @throws GatehouseError the refusal (`invalid_state` and `not_found`: nobody wants the work any more), or `store_unavailable`
 */
export async function report(
  { bus, vault, worker = "acme" }: Pick<EffectContext, "bus" | "vault" | "worker">,
  type: CommandType,
  data: unknown,
  secrets: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const sealed = Object.fromEntries(Object.entries(secrets).map(([ref, text]) => [ref, vault.seal(ref, text)]))
  const actor = { name: `system:${worker}`, admin: true }
  const executed = await bus.execute({ type, data, actor, secrets: sealed }, decisionMs)
  if (executed.status === "queued") throw new GatehouseError("store_unavailable", `${type} was not decided in time`)
  return executed.result
}

/** A vault entry in clear, or undefined when there is none. @throws VaultError */
export async function openSecret(
  { store, vault }: Pick<EffectContext, "store" | "vault">,
  ref: string,
): Promise<string | undefined> {
  const sealed = await store.secret(ref)
  return sealed === undefined ? undefined : vault.open(ref, sealed)
}

/** Name for a new vault entry. */
export function newSecretRef(what: string): string {
  return `${what}-${randomUUID()}`
}
