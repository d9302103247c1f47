import type { World } from "../events/world.ts"
import { canonicalJson } from "../platform/canonical-json.ts"

/** One member of a state that differs: its path with dots; `before` or `after` is absent where there is none. */
export interface FieldChange {
  readonly path: string
  readonly before?: unknown
  readonly after?: unknown
}

/** One aggregate that differs between two worlds. */
export interface ObjectChange {
  readonly kind: string
  readonly id: string
  readonly change: "created" | "deleted" | "changed"
  readonly fields: readonly FieldChange[]
}

/** What differs between two values, member by member; lists are compared as a whole. */
export function fieldChanges(before: unknown, after: unknown, path = ""): FieldChange[] {
  if (isRecord(before) && isRecord(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return names.flatMap((name) => fieldChanges(before[name], after[name], path === "" ? name : `${path}.${name}`))
  }
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return []
  // What appears or vanishes as a whole is told member by member as well.
  if (path === "" && (isRecord(before) || isRecord(after))) return fieldChanges(before ?? {}, after ?? {})
  return [{ path, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }]
}

/** Aggregates that differ, by kind and id. States are shared between forks, so what is the same is not looked into. */
export function worldChanges(before: World, after: World): ObjectChange[] {
  return (Object.keys(after.objects) as (keyof World["objects"])[]).flatMap((kind) => {
    const [old, now] = [before.objects[kind], after.objects[kind]] as ReadonlyMap<string, { state: unknown }>[]
    const ids = [...new Set([...old!.keys(), ...now!.keys()])].sort()
    return ids.flatMap((id): ObjectChange[] => {
      const [one, other] = [old!.get(id)?.state, now!.get(id)?.state]
      if (one === other) return []
      const fields = fieldChanges(one, other)
      const change = one === undefined ? "created" : other === undefined ? "deleted" : "changed"
      return fields.length === 0 && change === "changed" ? [] : [{ kind, id, change, fields }]
    })
  })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
