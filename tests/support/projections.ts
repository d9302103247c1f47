import type { EventListener, Projections } from "../../src/projections/projections.ts"
import { type World, apply, emptyWorld } from "../../src/events/world.ts"
import type { StoredEvent } from "../../src/events/envelope.ts"

/** Projections over events that a test appends by hand: the real fold, without a store. */
export interface TestProjections extends Projections {
  append(kind: string, id: string, type: string, data: unknown, at?: string): StoredEvent
}

/** Projections of an empty log. */
export function testProjections(): TestProjections {
  const world: World = emptyWorld()
  const listeners = new Set<EventListener>()
  return {
    world,
    ready: true,
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    reached: (position) => Promise.resolve(world.position >= position),
    append(kind, id, type, data, at = new Date().toISOString()) {
      const position = world.position + 1
      const meta = {
        actor: { name: "test", admin: true },
        command_id: "test",
        command: "Test",
        correlation_id: "test",
        at,
      }
      const event: StoredEvent = { position, kind, id, type, data, schema: 1, meta, hash: String(position) }
      apply(world, event)
      for (const listener of listeners) listener([event], world)
      return event
    },
  }
}

/** Adds a proxy with usual settings. */
export function addProxy(projections: TestProjections, hostname: string, settings: Record<string, unknown> = {}): void {
  projections.append("proxy", hostname, "ProxyCreated", {
    hostname,
    owner: "alice",
    target_url: "http://127.0.0.1:1",
    cert_name: null,
    enabled: true,
    enable_http: true,
    enable_https: true,
    preserve_host_header: true,
    custom_headers: {},
    ...settings,
  })
}
