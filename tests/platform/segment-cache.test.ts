import { describe, expect, test } from "vitest"
import type { Segment, SegmentFile } from "../../src/platform/segment.ts"
import { decodeSegment, encodeSegment } from "../../src/platform/segment.ts"
import type { EventRecord } from "../../src/platform/event-store.ts"
import { segmentCache } from "../../src/platform/segment-cache.ts"
import { setImmediate as turn } from "node:timers/promises"

const event = (position: number) =>
  ({
    position,
    kind: "proxy",
    id: `${position}.test`,
    type: "ProxyCreated",
    schema: 1,
    data: {},
    hash: `${position}`,
  }) as unknown as EventRecord
const command = (entry: number) => ({ entry: `${entry}-0`, raw: `{"id":"${entry}","text":"line\\nbreak"}` })
const segment = (first: number, events: number) =>
  encodeSegment({
    previous: "p",
    events: Array.from({ length: events }, (_, index) => event(first + index)),
    commands: [command(9), command(10), command(30)],
    decisions: [],
  })

describe("a segment", () => {
  test("gives back what it was made from, a part at a time, and finds lines by their order", async () => {
    const { bytes, header } = await segment(5, 4)
    const { events, commands, decisions } = await decodeSegment(bytes)
    expect([header.first, header.last, events.length, decisions.length]).toEqual([5, 8, 4, 0])
    expect(events.slice(1, 3)).toEqual([event(6), event(7)])
    expect(events.slice(-3, 99)).toEqual([5, 6, 7, 8].map(event))
    expect(commands.slice()).toEqual([command(9), command(10), command(30)])
    const from = (entry: number) => commands.firstThat((line) => Number.parseInt(line.entry, 10) >= entry)
    expect([1, 10, 11, 30, 31].map(from)).toEqual([0, 1, 2, 2, 3])
    expect(decisions.slice()).toEqual([])
  })

  test("that is cut short, or is something else, is refused", async () => {
    const { bytes } = await segment(1, 3)
    await expect(decodeSegment(bytes.subarray(0, -20))).rejects.toThrow()
    await expect(decodeSegment(Buffer.from("{}"))).rejects.toThrow()
  })

  test("of many events is written and read in slices: others are served meanwhile", async () => {
    let turns = 0
    const done = new AbortController()
    const others = (async () => {
      for (; !done.signal.aborted; turns += 1) await turn()
    })()
    const { bytes } = await segment(1, 50_000)
    expect(turns).toBeGreaterThan(40)
    turns = 0
    const decoded = await decodeSegment(bytes)
    expect(turns).toBeGreaterThan(4)
    done.abort()
    await others
    expect(decoded.events.slice(49_999)).toEqual([event(50_000)])
  })
})

describe("segments that were read lately", () => {
  const file = (first: number): SegmentFile => ({ name: String(first), first, last: first, digest: "" })
  const cacheOf = (most: number) => {
    const reads: string[] = []
    let [open, mostOpen] = [0, 0]
    const cache = segmentCache(async ({ name }) => {
      reads.push(name)
      mostOpen = Math.max(mostOpen, (open += 1))
      await turn()
      open -= 1
      if (name === "13") throw new Error("cannot be read")
      return { size: 10 } as Segment
    }, most)
    return { cache, reads, mostOpen: () => mostOpen, kept: () => cache.kept().map(({ first }) => first) }
  }

  test("are read once for all who ask, one after the other", async () => {
    const { cache, reads, mostOpen } = cacheOf(1000)
    const asked = [1, 2, 1, 3, 2, 1].map((first) => cache.load(file(first)))
    await Promise.all(asked)
    expect([reads, mostOpen()]).toEqual([["1", "2", "3"], 1])
  })

  test("stay as long as they fit, those that were used last; one that is too large alone stays alone", async () => {
    const some = cacheOf(25)
    for (const first of [1, 2, 1, 3]) await some.cache.load(file(first))
    expect(some.kept()).toEqual([1, 3])
    const small = cacheOf(5)
    for (const first of [1, 2]) await small.cache.load(file(first))
    expect(small.kept()).toEqual([2])
  })

  test("that could not be read are read anew, and hold up nobody", async () => {
    const { cache, reads } = cacheOf(1000)
    const failed = cache.load(file(13))
    const next = cache.load(file(14))
    await expect(failed).rejects.toThrow("cannot be read")
    expect(await next).toEqual({ size: 10 })
    await expect(cache.load(file(13))).rejects.toThrow("cannot be read")
    expect(reads).toEqual(["13", "14", "13"])
  })
})
