import type { Decision, Model } from "../platform/decision-commit.ts"
import { type Kind, aggregates } from "../events/event.ts"
import type { NewEvent, StoredEvent } from "../events/envelope.ts"
import { type World, apply, find } from "../events/world.ts"
import type { CommandRecord } from "../platform/event-store.ts"
import { GatehouseError } from "../errors.ts"
import type { Policy } from "./decision.ts"
import { complaint } from "./complaint.ts"
import { definitions } from "./command.ts"

/**
 * The decider's own fold of the log, with the decisions over it. Pure but for the fold.
 * @param world folded by nobody else
 */
export function deciderModel(world: World, policy: Policy): Model {
  return {
    get position() {
      return world.position
    },
    get hash() {
      return world.hash
    },
    decide: (command, now) => decide(command, now, world, policy),
    fold: (events) => events.forEach((event) => apply(world, event as StoredEvent)),
  }
}

function decide(command: CommandRecord, now: string, world: World, policy: Policy): Decision {
  const definition = definitions.get(command.type)
  if (definition === undefined) throw new Error(`unknown command type ${command.type}`)
  const { actor } = command
  if (actor.token !== undefined && actor.token !== "admin" && find(world, "api-token", actor.token) === undefined)
    throw new GatehouseError("invalid_token", "the token was deleted meanwhile")
  const parsed = definition.schema.safeParse(command.data, { error: complaint })
  if (!parsed.success)
    throw new GatehouseError("validation_failed", undefined, {
      errors: parsed.error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message })),
    })
  const target = definition.target(parsed.data)
  const version = versionOf(world, target.kind, target.id)
  const decision = definition.decide(parsed.data, world, { actor, now, policy })
  // After the decision: whoever may not touch the object does not learn its version.
  if (command.if_match !== undefined && version !== 0 && command.if_match !== version)
    throw new GatehouseError("precondition_failed", `the current version is "${version}"`)
  return { ...decision, ...consequences(decision.events.map(checked), command.secrets, world, now) }
}

/** The event with its data as its schema has it: a decision that breaks its own schema never reaches the log. */
function checked(event: NewEvent): NewEvent {
  const schema = (aggregates[event.kind as Kind].events as Record<string, { parse(data: unknown): unknown }>)[
    event.type
  ]
  if (schema === undefined) throw new Error(`unknown event type ${event.kind}/${event.type}`)
  return { ...event, data: schema.parse(event.data) }
}

function versionOf(world: World, kind: Kind, id: string): number {
  return world.objects[kind].get(id)?.version ?? 0
}

function consequences(events: readonly NewEvent[], brought: readonly string[], world: World, now: string) {
  const touched = new Map<string, { kind: Kind; id: string; before: unknown; after: unknown }>()
  const owned = events.map((event) => {
    const kind = event.kind as Kind
    const key = `${kind}:${event.id}`
    const before = find(world, kind, event.id)
    const entry = touched.get(key) ?? { kind, id: event.id, before, after: before }
    const evolve = aggregates[kind].evolve as (state: unknown, event: unknown, at: string) => unknown
    const after = evolve(entry.after, event, now)
    touched.set(key, { ...entry, after })
    return { ...event, owners: ownersOf(event, entry.after, after) }
  })
  const all = [...touched.values()]
  const kept = new Set(all.flatMap(({ after }) => secretRefs(after)))
  const dropped = new Set(
    [...all.flatMap(({ before }) => secretRefs(before)), ...brought].filter((ref) => !kept.has(ref)),
  )
  return {
    events: owned,
    expected: all.map(({ kind, id }) => ({ kind, id, version: versionOf(world, kind, id) })),
    gone: all.filter(({ after }) => after === undefined).map(({ kind, id }) => ({ kind, id })),
    unlink: [...dropped],
  }
}

/** Who owns an aggregate in either of two states; a token is its own. */
function ownersOf({ kind, id }: NewEvent, ...states: readonly unknown[]): string[] {
  if (kind === "api-token") return [id]
  const owners = states.map((state) => (state as { owner?: unknown } | undefined)?.owner)
  return [...new Set(owners.filter((owner): owner is string => typeof owner === "string"))]
}

/** Every vault entry that a state names: members whose name ends in `_ref`. */
function secretRefs(value: unknown): string[] {
  if (value === null || typeof value !== "object") return []
  return Object.entries(value).flatMap(([name, item]) =>
    name.endsWith("_ref") && typeof item === "string" ? [item] : secretRefs(item),
  )
}
