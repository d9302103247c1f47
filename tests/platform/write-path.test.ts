import { afterAll, beforeAll, expect, test } from "vitest"
import { genesisHash, verifyChain } from "../../src/platform/event-chain.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Relay, relay } from "../support/relay.ts"
import { eventually, recordedLog } from "../support/records.ts"
import { mkdtempSync, rmSync } from "node:fs"
import { GatehouseError } from "../../src/errors.ts"
import { commandBus } from "../../src/platform/command-bus.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { deciderLoop } from "../../src/platform/decider-loop.ts"
import { join } from "node:path"
import { keepLease } from "../../src/platform/lease.ts"
import { projectionRunner } from "../../src/projections/runner.ts"
import { connectedStore } from "../support/connected-store.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { tmpdir } from "node:os"
import { tokenModel } from "../support/token-model.ts"

const home = mkdtempSync(join(tmpdir(), "gatehouse-write-"))
let server: RedisServer

beforeAll(async () => {
  server = await redisServer()
})
afterAll(async () => {
  await server.stop()
  rmSync(home, { recursive: true, force: true })
})

/** A node without the edge, behind a relay of its own. */
async function node(name: string) {
  const { log, lines } = recordedLog()
  const between = await relay(server.port)
  const url = server.url.replace(`:${server.port}`, `:${between.port}`)
  const store = await connectedStore((part, purpose) => connectRedis(url, part, purpose, log))
  const stop = new AbortController()
  const { signal } = stop
  const now = () => new Date()
  const crash = () => {}
  const fatal: Error[] = []
  const onFatal = (error: Error) => void fatal.push(error)
  const runner = projectionRunner({ store, home: join(home, name), log, crash, onFatal, blockMs: 200 })
  const { lead, decideAtOnce } = deciderLoop({ store, model: tokenModel, now, crash, log, blockMs: 200 })
  const tasks = [
    runner.run(signal),
    keepLease({ store, name: "decider", holder: name, lead, signal, log, ttlMs: 1000, beatMs: 200 }),
  ]
  return {
    between,
    bus: commandBus(store, runner.awaitOutcome, now, { decideAtOnce }),
    fatal,
    lines,
    runner,
    store,
    stop: async () => {
      stop.abort()
      await Promise.all(tasks)
      await store.close()
      await between.stop()
    },
  }
}

/** Numbers from 0 up to, without, `limit`; the same ones in every run. */
function dice(seed: number) {
  let state = seed
  return (limit: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * limit)
  }
}

/** Disturbs one of the relays after the other until `signal` is aborted. */
async function disturb(relays: readonly Relay[], signal: AbortSignal): Promise<void> {
  const roll = dice(42)
  while (!signal.aborted) {
    const between = relays[roll(relays.length)]!
    const faults: readonly (() => Promise<void> | void)[] = [
      () => between.cutBefore("evalsha"),
      () => between.cutAfter("evalsha"),
      () => between.cutAfter("xreadgroup"),
      () => between.cutAfter("xread"),
      async () => {
        between.freeze()
        await sleep(roll(1800))
        between.thaw()
      },
      async () => {
        between.refuse()
        await sleep(roll(600))
        between.accept()
      },
    ]
    await faults[roll(faults.length)]!()
    await sleep(roll(100))
  }
}

test("two nodes whose connections are cut, frozen and refused decide every command exactly once", async () => {
  const nodes = [await node("one"), await node("two")]
  const stop = new AbortController()
  const disturbed = disturb(
    nodes.map(({ between }) => between),
    stop.signal,
  )
  const roll = dice(7)
  const accepted = new Map<string, number>()
  const create = async (name: string) => {
    const data = { name }
    const request = { type: "CreateToken", data, actor: { name: "ADMIN", admin: true }, idempotencyKey: name }
    while (!accepted.has(name)) {
      let late = false
      const timer = setTimeout(() => (late = true), 2000)
      try {
        const executed = await nodes[roll(2)]!.bus.execute(request)
        if (executed.status === "accepted") accepted.set(name, executed.position)
      } catch (error) {
        expect(error).toBeInstanceOf(GatehouseError)
        expect(error).toMatchObject({ code: "store_unavailable" })
        // Measured by a timer of this process, as in tests/support/within.ts.
        expect(late).toBe(false)
        await sleep(50)
      } finally {
        clearTimeout(timer)
      }
    }
  }
  const names = Array.from({ length: 200 }, (_, index) => `t${index}`)
  const waiting = names.values()
  const client = async () => {
    for (const name of waiting) await create(name)
  }
  await Promise.all(Array.from({ length: 8 }, client))
  stop.abort()
  await disturbed

  const events = await eventually(() => nodes[0]!.store.read(0, 1000).catch(() => undefined))
  expect(verifyChain({ position: 0, hash: genesisHash }, events).position).toBe(names.length)
  expect(new Set(events.map(({ id }) => id))).toEqual(new Set(names))
  for (const [name, position] of accepted) expect(events[position - 1]?.id).toBe(name)
  await Promise.all(nodes.map(({ runner }) => eventually(() => runner.position === names.length)))
  expect(nodes[0]!.runner.digest()).toEqual(nodes[1]!.runner.digest())
  expect(nodes.flatMap(({ fatal }) => fatal)).toEqual([])
  expect(await server.command("XLEN {gh}:deadletters")).toContain(":0\r\n")
  for (const { lines } of nodes) expect(lines.join("")).not.toContain(server.password)
  await Promise.all(nodes.map((one) => one.stop()))
})
