import { describe, expect, it } from "vitest"
import { headEnd, parseHead } from "../../src/edge/response-parser.ts"
import { headerNames } from "../../src/edge/header-names.ts"

const names = headerNames()
const parse = (head: string) => parseHead(`${head}\r\n\r\n`, names)

describe("heads that are read", () => {
  it("keeps names, values, order and repetitions", () => {
    const head = parse(
      "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-Empty:\r\nset-cookie:\t b=2 \r\nMcp-Session-Id: x y\r\nContent-Length: 3",
    )
    expect(head?.headers).toEqual([
      "Set-Cookie",
      "a=1",
      "X-Empty",
      "",
      "set-cookie",
      "b=2",
      "Mcp-Session-Id",
      "x y",
      "Content-Length",
      "3",
    ])
    expect(head).toMatchObject({ status: 200, end: 3, persistent: true, idleHint: -1, eventStream: false })
  })

  it("takes off what belongs to the connection", () => {
    const head = parse(
      "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: timeout=5, max=9\r\nX-Private: y\r\nProxy-Authenticate: Basic\r\nTrailer: X\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\nX: y",
    )
    expect(head).toMatchObject({ headers: ["X", "y"], end: "chunked", idleHint: 5 })
  })

  it("does not let a backend nominate away what says who must sign in or what the body is", () => {
    const head = parse(
      "HTTP/1.1 401 No\r\nConnection: close, WWW-Authenticate, Content-Length, Content-Type\r\nWWW-Authenticate: Bearer\r\nContent-Type: text/plain\r\nContent-Length: 0",
    )
    expect(head?.headers).toEqual(["WWW-Authenticate", "Bearer", "Content-Type", "text/plain", "Content-Length", "0"])
    expect(head?.persistent).toBe(false)
  })

  it("knows how the body ends", () => {
    expect(parse("HTTP/1.1 200 OK")?.end).toBe("close")
    expect(parse("HTTP/1.0 200 OK\r\nContent-Length: 0")).toMatchObject({ end: 0, persistent: false })
    expect(parse("HTTP/1.1 200")?.status).toBe(200)
  })

  it("knows an event stream by its content type", () => {
    expect(parse("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8")?.eventStream).toBe(true)
    expect(parse("HTTP/1.1 200 OK\r\nContent-Type: text/event-streamed")?.eventStream).toBe(false)
  })
})

describe("heads that are refused", () => {
  it.each([
    ["Content-Length with Transfer-Encoding", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"],
    ["Content-Length twice", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3"],
    ["a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3, 3"],
    ["a length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +3"],
    ["an empty length", "HTTP/1.1 200 OK\r\nContent-Length:"],
    ["a length beyond counting", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999"],
    ["a transfer coding other than chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked"],
    ["Transfer-Encoding twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked"],
    ["chunked on HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked"],
    ["a status of two digits", "HTTP/1.1 20 OK"],
    ["a status of four digits", "HTTP/1.1 2000 OK"],
    ["a status that is no number", "HTTP/1.1 abc OK"],
    ["a status beyond 599", "HTTP/1.1 600 OK"],
    ["another version", "HTTP/2.0 200 OK"],
    ["two blanks before the status", "HTTP/1.1  200 OK"],
    ["a line ended by LF", "HTTP/1.1 200 OK\nX: y"],
    ["CR inside a line", "HTTP/1.1 200 OK\r\nX: a\rb"],
    ["NUL in a value", "HTTP/1.1 200 OK\r\nX: a\0b"],
    ["a control byte in a value", "HTTP/1.1 200 OK\r\nX: a\x1bb"],
    ["a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b"],
    ["a blank before the colon", "HTTP/1.1 200 OK\r\nX : a"],
    ["an empty name", "HTTP/1.1 200 OK\r\n: a"],
    ["a line without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\nX: y"],
    ["101 headers", `HTTP/1.1 200 OK${"\r\nX: y".repeat(101)}`],
  ])("%s", (_, head) => {
    expect(parse(head)).toBeUndefined()
  })
})

describe("the end of a head", () => {
  const find = (text: string) => headEnd(Buffer.from(text, "latin1"), text.length)
  it("is behind the empty line", () => expect(find("HTTP/1.1 200 OK\r\n\r\nrest")).toBe(19))
  it("may be still to come", () => {
    for (const part of ["H", "HTTP/1.1 2", "HTTP/1.1 200 OK\r", "HTTP/1.1 200 OK\r\nX: y\r\n\r"])
      expect(find(part)).toBe(0)
  })
  it("never comes after garbage or a bare line feed", () => {
    for (const part of ["SSH-2.0-x", "<html>", "\x16\x03", "HTTP/1.1 200 OK\nX", "\r\n"]) expect(find(part)).toBe(-1)
  })
  it("must come within 16 KiB", () => {
    expect(find(`HTTP/1.1 200 OK\r\nX: ${"a".repeat(16_384)}`)).toBe(-1)
    expect(find(`HTTP/1.1 200 OK\r\nX: ${"a".repeat(16_384)}\r\n\r\n`)).toBe(-1)
  })
  it("is not found in what an earlier read left in the buffer", () => {
    const stale = Buffer.from("HTTP/1.1 200 OK\r\n\r\n", "latin1")
    expect(headEnd(stale, 10)).toBe(0)
  })
})
