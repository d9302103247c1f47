import { expect } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connectRedis } from "../../src/platform/redis.ts"
import type { EventStore } from "../../src/platform/event-store.ts"
import { connectedStore } from "./connected-store.ts"
import { redisEventStore } from "../../src/platform/redis-event-store.ts"
import { type Runner, type RunnerOptions, projectionRunner } from "../../src/projections/runner.ts"
import type { RedisServer } from "./redis-server.ts"
import { type EventSketch, commitAfter, eventually, recordedLog } from "./records.ts"

/** A running runner and the errors that it called fatal. */
export interface RunnerNode extends Runner {
  readonly fatal: readonly Error[]
  stop(): Promise<void>
}

/** Runners and stores of one test, all of which end with it. */
export interface RunnerNodes {
  /** Folder of the first node's snapshot, and of what else a test wants to write. */
  readonly home: string
  readonly lines: string[]
  openStore(server: RedisServer): Promise<EventStore>
  /** One whose Redis is away. */
  unconnectedStore(server: RedisServer): EventStore
  node(store: EventStore, more?: Partial<RunnerOptions>): RunnerNode
  stop(): Promise<void>
}

/** Makes a place for the nodes of one test. */
export function runnerNodes(): RunnerNodes {
  const home = mkdtempSync(join(tmpdir(), "gatehouse-runner-"))
  const { log, lines } = recordedLog()
  const stores: EventStore[] = []
  const nodes: RunnerNode[] = []
  return {
    home,
    lines,
    async openStore(server) {
      const store = await connectedStore((name, purpose) => connectRedis(server.url, name, purpose, log))
      stores.push(store)
      return store
    },
    unconnectedStore(server) {
      const store = redisEventStore((name, purpose) => connectRedis(server.url, name, purpose, log))
      stores.push(store)
      return store
    },
    node(store, more = {}) {
      const fatal: Error[] = []
      const ending = new AbortController()
      const onFatal = (error: Error) => void fatal.push(error)
      const runner = projectionRunner({ store, home, log, crash: () => {}, onFatal, blockMs: 50, ...more })
      const done = runner.run(ending.signal)
      const stop = async () => {
        ending.abort()
        await done
      }
      // Its getters stay getters.
      const node = Object.create(runner, { fatal: { value: fatal }, stop: { value: stop } }) as RunnerNode
      nodes.push(node)
      return node
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
      await Promise.all(stores.map((store) => store.close()))
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** A token's creation. */
export const token = (name: string) => ({
  kind: "api-token",
  id: name,
  type: "TokenCreated",
  data: {
    name,
    hash: `sha256:${"0".repeat(64)}`,
    preview: "p",
    cert_email: null,
    secret_ref: null,
    is_admin: false,
  },
})
const email = (id: string, cert_email: string) => ({
  kind: "api-token",
  id,
  type: "TokenEmailUpdated",
  data: { cert_email },
})
const deleted = (name: string) => ({ kind: "api-token", id: name, type: "TokenDeleted", data: { name } })

/** Twelve events with changes and deletions; a, b, c and e are left. */
export const story: readonly EventSketch[] = [
  ...["a", "b", "c", "d"].map(token),
  email("a", "a@example.com"),
  deleted("b"),
  email("c", "c@example.com"),
  token("b"),
  deleted("d"),
  email("b", "b@example.com"),
  token("e"),
  email("a", "other@example.com"),
]

/** Commits events at the head of a store, which may still be on its way back to a Redis that was started again. */
export async function append(store: EventStore, events: readonly EventSketch[]): Promise<void> {
  const head = await eventually(() => store.head().catch(() => undefined))
  expect(await store.commit(commitAfter(head, events))).toEqual({ status: "committed" })
}
