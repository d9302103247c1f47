import { describe, expect, it } from "vitest"
import { aggregates, schemaVersion } from "../../src/events/event.ts"
import type { EventSchemas } from "../../src/events/envelope.ts"
import { join } from "node:path"
import { readFileSync } from "node:fs"

/**
 * Shapes that were written into logs, one a line. Lines are added, never changed or removed: a log that holds them has to be read for
 * ever. What needs another shape gets another schema version and an upcaster.
 */
const shapes = readFileSync(join(import.meta.dirname, "shapes.ndjson"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { kind: string; id: string; type: string; schema: number; data: object })

interface Aggregate {
  readonly events: EventSchemas
  readonly evolve: (state: unknown, event: object, at: string) => unknown
}
const byKind = new Map(Object.entries(aggregates as unknown as Record<string, Aggregate>))
const at = "2026-01-02T03:04:05.000Z"

/** States that the first events of a kind lead to. */
const beginnings = (kind: string) => {
  const { evolve } = byKind.get(kind)!
  const states = shapes.filter((one) => one.kind === kind).map((event) => begun(() => evolve(undefined, event, at)))
  return states.filter((state) => state !== undefined)
}
const begun = <T>(fold: () => T): T | undefined => {
  try {
    return fold()
  } catch {
    // It is no beginning.
    return undefined
  }
}

describe("every shape that was ever written", () => {
  it("is there for each type of event", () => {
    const written = new Set(shapes.map(({ kind, type }) => `${kind}/${type}`))
    const types = [...byKind].flatMap(([kind, { events }]) => Object.keys(events).map((type) => `${kind}/${type}`))
    expect(types.filter((type) => !written.has(type))).toEqual([])
    expect([...written].filter((type) => !types.includes(type))).toEqual([])
    expect(new Set(shapes.map(({ schema }) => schema))).toEqual(new Set([schemaVersion]))
  })

  it.each(shapes.map((shape, index) => [index + 1, `${shape.kind}/${shape.type}`, shape] as const))(
    "in line %i, %s, is valid, and is folded with and without what may be absent",
    (_line, _name, { kind, id, type, data }) => {
      const { events, evolve } = byKind.get(kind)!
      const schema = events[type]!
      expect(schema.safeParse(data)).toMatchObject({ success: true, data })
      const states = beginnings(kind)
      expect(states.length).toBeGreaterThan(0)
      const without = Object.keys(data)
        .map((absent) => Object.fromEntries(Object.entries(data).filter(([name]) => name !== absent)))
        .filter((earlier) => schema.safeParse(earlier).success)
      for (const one of [data, ...without])
        for (const state of states) expect(() => evolve(state, { type, id, data: one }, at)).not.toThrow()
    },
  )
})
