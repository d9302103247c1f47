import { describe, expect, test } from "vitest"
import type { StreamEntry } from "../../src/platform/redis-tail.ts"
import { replyReader } from "../../src/platform/stream-reply.ts"

const string = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`
const list = (items: readonly string[]) => `*${items.length}\r\n${items.join("")}`
const reply = (entries: readonly StreamEntry[]) =>
  list(entries.map(([id, fields]) => list([string(id), list(fields.map(string))])))

/** What a reader makes of bytes that come in pieces: the entries of each reply, and lines. */
function readIn(pieces: readonly Buffer[]) {
  const replies: (readonly StreamEntry[] | string)[] = []
  let entries: StreamEntry[] = []
  const read = replyReader({
    entry: (entry) => entries.push(entry),
    end: () => {
      replies.push(entries)
      entries = []
    },
    other: (line) => replies.push(line.toString()),
  })
  for (const piece of pieces) read(piece)
  return { replies, open: entries }
}

const page: readonly StreamEntry[] = [
  ["1-0", ["kind", "proxy", "data", '{"a":"\r\n$3\r\n"}', "hash", "f".repeat(64)]],
  ["2-0", ["kind", "", "data", `{"ü":"${"é€\u{1f600}".repeat(50)}"}`, "id", "a".repeat(300)]],
  ["3-0", []],
]
const bytes = Buffer.from(`${reply(page)}-ERR no such thing\r\n${reply([])}+OK\r\n${reply(page.slice(0, 1))}`)
const expected = [page, "-ERR no such thing\r\n", [], "+OK\r\n", page.slice(0, 1)]

describe("replies", () => {
  test("are read whole", () => {
    expect(readIn([bytes]).replies).toEqual(expected)
  })

  test("are the same wherever the bytes are cut", () => {
    for (let cut = 0; cut <= bytes.length; cut += 1)
      expect(readIn([bytes.subarray(0, cut), bytes.subarray(cut)]).replies).toEqual(expected)
  })

  test("are the same byte by byte", () => {
    expect(readIn(Array.from(bytes, (byte) => Buffer.of(byte))).replies).toEqual(expected)
  })

  test("keep nothing of one chunk for the next", () => {
    const chunk = Buffer.from(reply(page))
    const { replies } = readIn([chunk])
    chunk.fill(0)
    expect(replies).toEqual([page])
  })
})

test.each([
  ["a length that is no number", "*1\r\n*2\r\n$x\r\n"],
  ["a negative length", "*1\r\n*2\r\n$-1\r\n"],
  ["a string that goes on", "*1\r\n*2\r\n$1\r\n1-0\r\n"],
  ["a number where an entry is due", "*1\r\n:1\r\n"],
  ["an entry of three parts", "*1\r\n*3\r\n"],
  ["another type", "%1\r\n"],
])("%s is refused", (_, text) => {
  expect(() => readIn([Buffer.from(text)])).toThrow(/^Redis answered/)
})
