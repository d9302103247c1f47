import { describe, expect, test } from "vitest"
import type { CommandRecord, EventStore, Outcome } from "../../src/platform/event-store.ts"
import { commandBus } from "../../src/platform/command-bus.ts"
import { commitAfter, eventsAfter } from "../support/records.ts"
import { GatehouseError } from "../../src/errors.ts"
import { memoryEventStore } from "../../src/platform/memory-event-store.ts"
import { queued } from "../../src/platform/command-record.ts"
import { waiters } from "../../src/projections/waiters.ts"
import { within } from "../support/within.ts"

const now = () => new Date("2026-01-02T03:04:05Z")
const actor = { name: "ADMIN", admin: true, token: "admin" }
const request = { type: "CreateThing", data: { name: "one" }, actor }

/** A bus on a store in memory; `decide` plays the decider and the node's tail. */
function setup(wrap: (store: EventStore) => Partial<EventStore> = () => ({})) {
  const store = memoryEventStore(() => performance.now())
  let position = 0
  const waiting = waiters(() => position)
  const taken: CommandRecord[] = []
  const decide = async (change: (outcome: Outcome) => Outcome = (outcome) => outcome) => {
    const [delivery] = await store.take(1, 1000)
    const command = delivery!.command!
    taken.push(command)
    const head = await store.head()
    const base = commitAfter(head, [{}], { command_id: command.id, entry: delivery!.entry })
    const outcome = change({
      ...queued(command),
      status: "accepted",
      position: head.position + 1,
      result: { answer: 42 },
    })
    await store.commit({ ...base, events: outcome.status === "accepted" ? eventsAfter(head, [{}]) : [], outcome })
    position = (await store.head()).position
    waiting.advanced()
    waiting.decided(outcome)
  }
  const bus = commandBus({ ...store, ...wrap(store) }, waiting.awaitOutcome, now)
  return { store, bus, decide, taken }
}

describe("the command bus", () => {
  test("answers with the decision's result when it is folded here", async () => {
    const { bus, decide, taken } = setup()
    const executed = bus.execute({ ...request, ip: "192.0.2.1", requestId: "r", ifMatch: 3, causation: 4 })
    await decide()
    expect(await executed).toMatchObject({ status: "accepted", position: 1, result: { answer: 42 }, repeated: false })
    expect(taken[0]).toMatchObject({ ...request, ip: "192.0.2.1", request_id: "r", if_match: 3, causation: 4 })
    expect(taken[0]!.correlation_id).toBe(taken[0]!.id)
  })

  test("throws a refusal with its code, text and details", async () => {
    const { bus, decide } = setup()
    const executed = bus.execute(request)
    const extras = { references: ["a"] }
    await Promise.all([
      expect(executed).rejects.toMatchObject({ code: "in_use", message: "no", extras }),
      decide((outcome) => ({ ...outcome, status: "rejected", position: 0, code: "in_use", detail: "no", extras })),
    ])
  })

  test("says queued when nothing was decided in time", async () => {
    const { bus, store } = setup()
    const executed = await bus.execute(request, 30)
    expect(executed.status).toBe("queued")
    expect((await store.outcome(executed.commandId))?.status).toBe("queued")
  })

  test("finds an outcome that this node's tail has missed", async () => {
    const { store, bus } = setup()
    const executed = bus.execute(request, 100)
    const [delivery] = await store.take(1, 1000)
    const outcome: Outcome = { ...queued(delivery!.command!), status: "accepted", position: 0, result: "late" }
    await store.commit(commitAfter(await store.head(), [], { command_id: delivery!.command!.id, outcome }))
    expect(await executed).toMatchObject({ status: "accepted", result: "late" })
  })

  test("takes the same key of the same actor once, and gives the same answer again", async () => {
    const { bus, decide, taken } = setup()
    const keyed = { ...request, idempotencyKey: "key" }
    const first = bus.execute(keyed)
    await decide()
    expect(await first).toMatchObject({ repeated: false, result: { answer: 42 } })
    expect(await bus.execute(keyed)).toEqual({ ...(await first), repeated: true })
    await expect(bus.execute({ ...keyed, data: { name: "two" } })).rejects.toMatchObject({
      code: "idempotency_mismatch",
    })
    await expect(bus.execute({ ...keyed, type: "DeleteThing" })).rejects.toMatchObject({ code: "idempotency_mismatch" })
    expect(taken).toHaveLength(1)
    const other = bus.execute({ ...keyed, actor: { ...actor, name: "bob" } })
    await decide()
    expect((await other).commandId).not.toBe((await first).commandId)
  })

  test("joins a repeat to the decision that is still to come", async () => {
    const { bus, decide } = setup()
    const keyed = { ...request, idempotencyKey: "key" }
    const both = [bus.execute(keyed), bus.execute(keyed)]
    await decide()
    expect((await Promise.all(both)).map((one) => one.status)).toEqual(["accepted", "accepted"])
  })

  test("sees one request in what was asked, not in generated values", async () => {
    const { bus, decide } = setup()
    const asked = { ...request, idempotencyKey: "key", asked: { name: "one" } }
    const first = bus.execute({ ...asked, data: { name: "one", secret_ref: "1" } })
    await decide()
    await first
    expect(await bus.execute({ ...asked, data: { name: "one", secret_ref: "2" } })).toMatchObject({ repeated: true })
  })

  test("refuses within two seconds when the store never answers", async () => {
    const { bus } = setup(() => ({ submit: () => new Promise(() => {}) }))
    await expect(within(2000, () => bus.execute(request))).rejects.toMatchObject({
      code: "store_unavailable",
      extras: { retryAfter: 2 },
    })
  })

  test("submits again after a lost answer, and the command is there once", async () => {
    let tries = 0
    const { bus, store, decide } = setup((inner) => ({
      submit: async (command, secrets) => {
        const submitted = await inner.submit(command, secrets)
        if (++tries === 1) throw new GatehouseError("store_unavailable")
        return submitted
      },
    }))
    const executed = bus.execute(request)
    await expect.poll(() => tries).toBe(2)
    await decide()
    expect(await executed).toMatchObject({ status: "accepted", repeated: false })
    expect(await store.take(1, 10)).toEqual([])
  })

  test("answers with the outcome that it sees, though the append is never answered", async () => {
    const { bus, decide } = setup((inner) => ({
      submit: async (command, secrets) => {
        await inner.submit(command, secrets)
        return new Promise(() => {})
      },
    }))
    const executed = bus.execute(request)
    await decide()
    expect(await executed).toMatchObject({ status: "accepted", repeated: false })
    // Whose key may be another's too, has to be told whether it was.
    const keyed = bus.execute({ ...request, idempotencyKey: "key" })
    await decide()
    await expect(keyed).rejects.toMatchObject({ code: "store_unavailable" })
  })

  test("does not begin when this node takes no writes", async () => {
    const { store } = setup()
    const mayWrite = () => {
      throw new GatehouseError("store_unavailable", "the log is not the one that this node has seen")
    }
    const bus = commandBus(store, async () => undefined, now, { mayWrite })
    await expect(bus.execute(request)).rejects.toMatchObject({ code: "store_unavailable" })
    expect(await store.take(1, 10)).toEqual([])
  })
})
