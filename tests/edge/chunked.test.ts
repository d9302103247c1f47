import { describe, expect, it } from "vitest"
import { decodeChunked, startChunked } from "../../src/edge/chunked.ts"

/** Decodes a body that comes in pieces of `size` bytes. */
function decode(text: string, size = text.length) {
  const state = startChunked()
  let content = ""
  for (let at = 0; at < text.length; at += size) {
    const piece = Buffer.from(text.slice(at, at + size), "latin1")
    const used = decodeChunked(
      state,
      piece,
      0,
      piece.length,
      (start, end) => (content += piece.toString("latin1", start, end)),
    )
    if (used === -1) return { state: "broken", content }
    if (state.phase === "done") return { state: "done", content, rest: text.slice(at + used) }
  }
  return { state: state.phase, content }
}

const body = '5\r\nhello\r\n7;name="v"\r\n\r\nworld\r\n0\r\nX-Trailer: y\r\n\r\n'

it("takes the framing off, whatever pieces it comes in", () => {
  for (let size = 1; size <= body.length; size += 1)
    expect(decode(body, size)).toMatchObject({ state: "done", content: "hello\r\nworld" })
})

it("stops at the end of the body", () => {
  expect(decode(`${body}HTTP/1.1 200 OK\r\n`)).toMatchObject({ state: "done", rest: "HTTP/1.1 200 OK\r\n" })
})

it("is not done before the empty line", () => {
  expect(decode("5\r\nhello\r\n0\r\n").state).toBe("trailer")
  expect(decode("5\r\nhel").state).toBe("data")
})

describe("broken framing", () => {
  it.each([
    ["a size line ended by LF", "5\nhello\r\n0\r\n\r\n"],
    ["a size in C notation", "0x5\r\nhello\r\n0\r\n\r\n"],
    ["a negative size", "-5\r\nhello\r\n"],
    ["a size with a blank behind", "5 \r\nhello\r\n"],
    ["no size", "\r\nhello\r\n"],
    ["a size beyond counting", "fffffffffffff\r\n"],
    ["content longer than its chunk", "5\r\nhelloo\r\n0\r\n\r\n"],
    ["CR inside a size line", "5\r\r\nhello\r\n"],
    ["a control byte in an extension", "5;\x01\r\nhello\r\n"],
    ["a trailer without a colon", "0\r\nnonsense\r\n\r\n"],
    ["a folded trailer", "0\r\nA: b\r\n c\r\n\r\n"],
    ["endless extensions", `5;${"a".repeat(5000)}\r\n`],
    ["endless trailers", `0\r\n${`A: ${"b".repeat(100)}\r\n`.repeat(100)}\r\n`],
  ])("%s", (_, text) => {
    expect(decode(text).state).toBe("broken")
  })
})
