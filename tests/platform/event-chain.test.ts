import { describe, expect, test } from "vitest"
import { fc } from "../support/property.ts"
import { ChainError, chain, genesisHash, verifyChain } from "../../src/platform/event-chain.ts"
import type { EventRecord } from "../../src/platform/event-store.ts"
import { eventsAfter } from "../support/records.ts"

const genesis = { position: 0, hash: genesisHash }

describe("the chain", () => {
  test("has the same hash whatever the order of members", () => {
    const event = { position: 1, kind: "k", id: "i", type: "T", schema: 1, meta: {}, data: { a: 1, b: { c: 2, d: 3 } } }
    expect(chain(genesisHash, { ...event, data: { b: { d: 3, c: 2 }, a: 1 } })).toBe(chain(genesisHash, event))
  })

  test("survives the way through JSON for any data", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (data, meta) => {
        const [event] = eventsAfter(genesis, [{ data, meta }])
        verifyChain(genesis, [JSON.parse(JSON.stringify(event)) as EventRecord])
      }),
    )
  })

  test("ends at the last event", () => {
    const events = eventsAfter(genesis, [{}, {}, {}])
    expect(verifyChain(genesis, events)).toEqual({ position: 3, hash: events[2]!.hash })
    expect(verifyChain(genesis, [])).toEqual(genesis)
  })

  const changes: Record<string, (event: EventRecord) => EventRecord> = {
    kind: (event) => ({ ...event, kind: "thinG" }),
    id: (event) => ({ ...event, id: "onf" }),
    type: (event) => ({ ...event, type: "ThingHappenee" }),
    schema: (event) => ({ ...event, schema: 2 }),
    data: (event) => ({ ...event, data: { position: 9 } }),
    meta: (event) => ({ ...event, meta: {} }),
    hash: (event) => ({ ...event, hash: event.hash.replace(/.$/, (last) => (last === "0" ? "1" : "0")) }),
  }
  test.each(Object.keys(changes))("shows a change of the %s, at that position", (part) => {
    const events = eventsAfter(genesis, [{}, {}, {}, {}])
    const changed = events.map((event) => (event.position === 3 ? changes[part]!(event) : event))
    expect(() => verifyChain(genesis, changed)).toThrowError(
      expect.objectContaining({ name: "ChainError", position: 3 }),
    )
  })

  test("shows a gap, a repeat and an exchange", () => {
    const [a, b, c] = eventsAfter(genesis, [{}, {}, {}]) as [EventRecord, EventRecord, EventRecord]
    for (const broken of [[a, c], [a, a], [b, a, c], [b]])
      expect(() => verifyChain(genesis, broken)).toThrow(ChainError)
  })
})
