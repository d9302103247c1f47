import { LogError, apply, emptyWorld, find, fork } from "../../src/events/world.ts"
import { describe, expect, it } from "vitest"
import type { StoredEvent } from "../../src/events/envelope.ts"

const at = "2026-01-01T00:00:00.000Z"
const event = (position: number, type: string, data: unknown, id = "a.test", kind = "proxy"): StoredEvent => ({
  position,
  kind,
  id,
  type,
  schema: 1,
  data,
  meta: { actor: { name: "x", admin: true }, command_id: "c", command: "C", correlation_id: "c", at },
  hash: `h${position}`,
})
const created = (position: number) =>
  event(position, "ProxyCreated", { hostname: "a.test", owner: "admin", target_url: "http://b.example", enabled: true })

describe("folding the log", () => {
  it("skips repeats, and stops at a gap", () => {
    const world = emptyWorld()
    expect(apply(world, created(1))).toBe(true)
    expect(apply(world, created(1))).toBe(false)
    expect(() => apply(world, event(3, "ProxyDeleted", {}))).toThrow(LogError)
    expect(world).toMatchObject({ position: 1, hash: "h1" })
  })

  it("stops at an event that this version does not know", () => {
    expect(() => apply(emptyWorld(), event(1, "ProxyPainted", {}))).toThrow(/does not know proxy\/ProxyPainted/)
    expect(() => apply(emptyWorld(), event(1, "X", {}, "x", "toaster"))).toThrow(LogError)
    expect(() => apply(emptyWorld(), event(1, "X", {}, "x", "constructor"))).toThrow(LogError)
  })

  it("passes over what it does not know and what says that it may be, and counts it as a version of its object", () => {
    const world = emptyWorld()
    apply(world, created(1))
    const ignorable = (one: StoredEvent): StoredEvent => ({ ...one, meta: { ...one.meta, ignorable: true } })
    apply(world, ignorable(event(2, "ProxyPainted", { colour: "red" })))
    apply(world, ignorable({ ...event(3, "ProxyDeleted", {}), schema: 99 }))
    apply(world, ignorable(event(4, "X", {}, "x", "toaster")))
    expect(world).toMatchObject({ position: 4, hash: "h4" })
    expect(world.objects.proxy.get("a.test")).toMatchObject({ version: 3, state: { hostname: "a.test" } })
    expect(() => apply(world, { ...event(5, "ProxyDeleted", {}), schema: 99 })).toThrow(
      /schema 99 was written by a newer/,
    )
    apply(world, ignorable(event(5, "ProxyDeleted", { hostname: "a.test" })))
    expect(find(world, "proxy", "a.test")).toBeUndefined()
  })

  it("gives an aggregate the position of its last event as version, also after a new start under the same name", () => {
    const world = emptyWorld()
    for (const entry of [created(1), event(2, "ProxyDeleted", { hostname: "a.test" }), created(3)]) apply(world, entry)
    expect(world.objects.proxy.get("a.test")?.version).toBe(3)
  })

  it("folds a fork without touching the original", () => {
    const world = emptyWorld()
    apply(world, created(1))
    const copy = fork(world)
    apply(copy, event(2, "ProxyDeleted", { hostname: "a.test" }))
    expect(find(copy, "proxy", "a.test")).toBeUndefined()
    expect(find(world, "proxy", "a.test")?.hostname).toBe("a.test")
  })
})
