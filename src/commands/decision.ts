import type * as z from "zod"
import type { Actor, NewEvent } from "../events/envelope.ts"
import { type Kind, type TypeOf, type aggregates } from "../events/event.ts"
import { GatehouseError } from "../errors.ts"
import type { World } from "../events/world.ts"

/** Settings that decisions depend on, fixed for the life of the process. */
export interface Policy {
  readonly adminEmail: string | null
  readonly acmeDirectoryUrl: string
  readonly acmeStagingUrl: string
  /** Host names of the admin API and of the OAuth servers: no proxy may take them. */
  readonly adminHosts: readonly string[]
  readonly oauthHosts: readonly string[]
  /** CIDRs that owners may use as targets although they are private. */
  readonly targetAllowCidrs: readonly string[]
  /** Ports of Gatehouse's own listeners and store on this machine. */
  readonly ownPorts: readonly number[]
  /** HTTPS port in public URLs. */
  readonly publicHttpsPort: number
  /** What services may use. */
  readonly services: {
    /** Images that owners may run. */
    readonly images: readonly string[]
    /** Ports of this machine that are handed out, first and last. */
    readonly firstPort: number
    readonly lastPort: number
    /** Networks of the engine that services may join; the first is the usual one. */
    readonly networks: readonly string[]
    /** Services get host names below it. */
    readonly baseDomain: string
  }
  /** Remaining days at which a certificate counts as due. */
  readonly renewalThresholdDays: number
}

/** What a decision may look at besides the command and the world. */
export interface Context {
  readonly actor: Actor
  /** ISO 8601, UTC. */
  readonly now: string
  readonly policy: Policy
}

/** What a command leads to: facts (none when nothing changes), and an answer without secrets. */
export interface Decision {
  readonly events: readonly NewEvent[]
  readonly result?: unknown
}

/**
 * One command type: its data schema, the aggregate that `If-Match` speaks of, and its decision.
 * `decide` is pure; it throws GatehouseError for a refusal, and nothing else for any world and any parsed data.
 */
export interface CommandDefinition<S extends z.ZodType = z.ZodType> {
  readonly schema: S
  readonly target: (data: z.infer<S>) => { readonly kind: Kind; readonly id: string }
  readonly decide: (data: z.infer<S>, world: World, context: Context) => Decision
}

/** Types one definition against its schema. */
export function command<S extends z.ZodType>(
  schema: S,
  target: (data: z.infer<S>) => { kind: Kind; id: string },
  decide: (data: z.infer<S>, world: World, context: Context) => Decision,
): CommandDefinition<S> {
  return { schema, target, decide }
}

type DataOf<K extends Kind, T extends TypeOf<K>> =
  (typeof aggregates)[K]["events"][T] extends z.ZodType<infer D> ? D : never

/** A fact about one aggregate, checked by the compiler against its event's schema. */
export function fact<K extends Kind, T extends TypeOf<K>>(kind: K, id: string, type: T, data: DataOf<K, T>): NewEvent {
  return { kind, id, type, data }
}

/** Refuses unless the caller is an administrator. @throws GatehouseError `admin_required` */
export function requireAdmin({ actor }: Context): void {
  if (!actor.admin) throw new GatehouseError("admin_required")
}

/** Refuses unless the caller owns the object or is an administrator. @throws GatehouseError `not_owner` */
export function requireOwner({ actor }: Context, owner: string): void {
  if (!actor.admin && actor.token !== owner) throw new GatehouseError("not_owner")
}

/** A 422 about one field. */
export function invalid(path: string, message: string): GatehouseError {
  return new GatehouseError("validation_failed", `${path}: ${message}`, { errors: [{ path, message }] })
}

/** The thing, or a 404. @throws GatehouseError `not_found` */
export function existing<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new GatehouseError("not_found", `there is no ${what}`)
  return value
}

/** Id of a name that is unique ignoring case. */
export function idOf(name: string): string {
  return name.toLowerCase()
}

/** Are two JSON values equal? Members in any order. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return a === b
  const keys = Object.keys(a)
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  )
}
