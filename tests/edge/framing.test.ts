import { describe, expect, it } from "vitest"
import { rawExchange, statuses } from "../support/raw-client.ts"
import { framedEdge, upstream, edge, second, host, get, post, chunked, send, seen } from "./framed-edge.ts"

framedEdge()

describe("payloads that are refused close the connection, and nothing of them reaches the backend", () => {
  const refused: readonly [name: string, payload: string, status: number][] = [
    ["Content-Length and Transfer-Encoding together", post(`Content-Length: 4\r\n${chunked}`, "0\r\n\r\n"), 400],
    ["Transfer-Encoding and Content-Length together", post(`${chunked}Content-Length: 4\r\n`, "0\r\n\r\n"), 400],
    ["Content-Length twice, differing", post("Content-Length: 2\r\nContent-Length: 3\r\n", "abc"), 400],
    ["Content-Length twice, the same", post("Content-Length: 2\r\nContent-Length: 2\r\n", "ab"), 400],
    ["Content-Length as a list", post("Content-Length: 2, 2\r\n", "ab"), 400],
    ["Content-Length with a plus", post("Content-Length: +2\r\n", "ab"), 400],
    ["Content-Length below zero", post("Content-Length: -1\r\n"), 400],
    ["Content-Length in hex", post("Content-Length: 0x2\r\n", "ab"), 400],
    ["Content-Length with a blank inside", post("Content-Length: 1 2\r\n", "ab"), 400],
    ["Content-Length empty", post("Content-Length: \r\n"), 400],
    ["Content-Length beyond 2^64", post("Content-Length: 18446744073709551617\r\n", "a"), 400],
    ["Content-Length beyond what can be counted", post("Content-Length: 1000000000000000\r\n", "a"), 400],
    ["Transfer-Encoding with a blank before the colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400],
    ["Transfer-Encoding: xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400],
    ["Transfer-Encoding: chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 400],
    ["Transfer-Encoding: gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400],
    [
      "Transfer-Encoding: identity with Content-Length",
      post("Transfer-Encoding: identity\r\nContent-Length: 1\r\n", "a"),
      400,
    ],
    ["Transfer-Encoding twice", post(chunked + chunked, "0\r\n\r\n"), 400],
    ["Transfer-Encoding quoted", post('Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n"), 400],
    ["Transfer-Encoding with a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), 400],
    ["Transfer-Encoding folded", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400],
    ["Transfer-Encoding on HTTP/1.0", post(chunked, "0\r\n\r\n", "HTTP/1.0"), 400],
    ["a chunk line ended by LF", post(chunked, "1\na\r\n0\r\n\r\n"), 400],
    ["LF in a chunk extension", post(chunked, "1;a\nb\r\na\r\n0\r\n\r\n"), 400],
    ["a chunk size with a blank", post(chunked, "1 \r\na\r\n0\r\n\r\n"), 400],
    ["a chunk size in C notation", post(chunked, "0x1\r\na\r\n0\r\n\r\n"), 400],
    ["a chunk size that overflows", post(chunked, "fffffffffffffffff\r\na\r\n0\r\n\r\n"), 400],
    ["chunk data not ended by CRLF", post(chunked, "1\r\naXX0\r\n\r\n"), 400],
    ["a last chunk ended by LF", post(chunked, "1\r\na\r\n0\n\n"), 400],
    ["Content-Length among the trailers", post(chunked, "0\r\nContent-Length: 5\r\n\r\n"), 400],
    ["lines ended by LF alone", "GET /first HTTP/1.1\nHost: a.test\n\n", 400],
    ["one header ended by LF alone", "GET /first HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n", 400],
    ["CR alone in a header", get(`${host}X: a\rb\r\n`), 400],
    ["NUL in a header value", get(`${host}X: a\0b\r\n`), 400],
    ["NUL in a header name", get(`${host}X\0: a\r\n`), 400],
    ["a folded header", get(`${host}X: a\r\n b\r\n`), 400],
    ["a blank before the first header", "GET /first HTTP/1.1\r\n Host: a.test\r\n\r\n", 400],
    ["an empty header name", get(`${host}: a\r\n`), 400],
    ["a header without a colon", get(`${host}nonsense\r\n`), 400],
    ["no Host on HTTP/1.1", get("X: y\r\n"), 400],
    ["two Hosts", get(`${host}Host: b.test\r\n`), 400],
    ["the same Host twice", get(host + host), 400],
    ["a list of Hosts", get("Host: a.test, b.test\r\n"), 400],
    ["user information in Host", get("Host: user@a.test\r\n"), 400],
    ["a path in Host", get("Host: a.test/x\r\n"), 400],
    ["a blank in Host", get("Host: a.test b\r\n"), 400],
    ["an empty Host", get("Host: \r\n"), 400],
    ["a port beyond 65535 in Host", get("Host: a.test:70000\r\n"), 400],
    ["an absolute-form target for another host", get(host, "http://b.test/first"), 400],
    ["an absolute-form target with user information", get(host, "http://user@a.test/first"), 400],
    ["an absolute-form target of another scheme", get(host, "ftp://a.test/first"), 400],
    ["an authority-form target", get(host, "a.test:80"), 400],
    ["an asterisk for GET", get(host, "*"), 400],
    ["CONNECT", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n", 405],
    ["HTTP/0.9 with a version", get(host, "/first", "HTTP/0.9"), 400],
    ["HTTP/0.9 without a version", "GET /first\r\n\r\n", 400],
    ["HTTP/2.0 in HTTP/1 syntax", get(host, "/first", "HTTP/2.0"), 505],
    ["HTTP/1.2", get(host, "/first", "HTTP/1.2"), 400],
    ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["a TLS ClientHello", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", 400],
    ["a tab in the target", get(host, "/fir\tst"), 400],
    ["a blank in the target", get(host, "/fir st"), 400],
    ["a method in lower case", `get /first HTTP/1.1\r\n${host}\r\n`, 400],
    ["an unknown method", `FETCH /first HTTP/1.1\r\n${host}\r\n`, 400],
    ["a fragment in the target", get(host, "/first#x"), 400],
    ["a raw byte above 0x7f in the target", get(host, "/fir\xffst"), 400],
    ["Authorization twice", get(`${host}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n`), 400],
    [
      "Content-Type twice",
      post("Content-Type: text/plain\r\nContent-Type: application/json\r\nContent-Length: 0\r\n"),
      400,
    ],
    ["Origin twice", get(`${host}Origin: https://a\r\nOrigin: https://b\r\n`), 400],
    ["an MCP header twice", get(`${host}Mcp-Session-Id: a\r\nMCP-Session-ID: b\r\n`), 400],
    ["an unknown expectation", get(`${host}Expect: 200-ok\r\n`), 417],
    ["an expectation around the known one", get(`${host}Expect: x-100-continue-x\r\n`), 417],
    ["a header of 20 KB", get(`${host}X: ${"a".repeat(20_000)}\r\n`), 431],
    ["a header of 60 KB", get(`${host}X: ${"a ".repeat(30_000)}\r\n`), 431],
    ["101 headers", get(host + "X: y\r\n".repeat(100)), 431],
    ["5,000 headers", get(host + "X: y\r\n".repeat(5000)), 431],
    ["a target of 9 KB", get(host, `/${"a".repeat(9000)}`), 414],
    ["a target of 64 KB", get(host, `/${"a".repeat(65_536)}`), 414],
  ]
  it.each(refused)("%s", async (_, payload, status) => {
    // A free upstream connection is there, so that nothing is held back only by the time that connecting takes.
    await rawExchange(edge.httpPort, second.replace("/second", "/warm"))
    upstream.requests.length = 0
    const answers = await send(payload)
    expect(answers).toEqual([status])
    expect(seen()).toEqual([])
    expect(upstream.raw.join("")).not.toContain("/second")
  })
})

describe("payloads that are served keep the connection, and the backend sees exactly the two requests", () => {
  const served: readonly [name: string, payload: string, line: string][] = [
    [
      "Transfer-Encoding with a tab as separator",
      post("Transfer-Encoding:\tchunked\r\n", "2\r\nab\r\n0\r\n\r\n"),
      "POST /first HTTP/1.1",
    ],
    ["a chunk extension", post(chunked, "2;name=value\r\nab\r\n0\r\n\r\n"), "POST /first HTTP/1.1"],
    ["trailers", post(chunked, "2\r\nab\r\n0\r\nX-Trailer: y\r\n\r\n"), "POST /first HTTP/1.1"],
    ["two blanks in the request line", `GET  /first HTTP/1.1\r\n${host}\r\n`, "GET /first HTTP/1.1"],
    ["an absolute-form target of the same host", get(host, "http://a.test/first"), "GET /first HTTP/1.1"],
    ["an absolute-form target in upper case", get(host, "HTTP://A.TEST/first"), "GET /first HTTP/1.1"],
    ["an absolute-form target without a path", get(host, "http://a.test?x=1"), "GET /?x=1 HTTP/1.1"],
    ["merged slashes", get(host, "//first///x"), "GET /first/x HTTP/1.1"],
    ["GET with a body", `GET /first HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\nab`, "GET /first HTTP/1.1"],
    ["leading CRLFs", `\r\n\r\n${get(host)}`, "GET /first HTTP/1.1"],
    ["Host in upper case with port and trailing dot", get("Host: A.TEST.:8080\r\n"), "GET /first HTTP/1.1"],
    [
      "an unread header of many names",
      get(`${host}${Array.from({ length: 90 }, (_, i) => `X-${i}: y\r\n`).join("")}`),
      "GET /first HTTP/1.1",
    ],
  ]
  it.each(served)("%s", async (_, payload, line) => {
    expect(await send(payload)).toEqual([200, 200])
    expect(seen()).toEqual([line, "GET /second HTTP/1.1"])
  })

  it.each(["\t", " ", "\xa0", "\xff"])("a header text inside a value stays one line: %j", async (blank) => {
    expect(await send(get(`${host}A: B${blank}Transfer-Encoding: chunked\r\n`))).toEqual([200, 200])
    expect(upstream.requests[0]?.headers).toContain(`A: B${blank}Transfer-Encoding: chunked`)
    expect(seen()).toEqual(["GET /first HTTP/1.1", "GET /second HTTP/1.1"])
  })

  it("one clean framing header goes on, without extensions or trailers", async () => {
    await send(post("tRANSFER-eNCODING:\tchunked\r\n", "2;n=v\r\nxy\r\n1\r\nz\r\n0\r\nX-Trailer: y\r\n\r\n"))
    const [first] = upstream.requests
    expect(first?.headers.filter((line) => /transfer|length/i.test(line))).toEqual(["Transfer-Encoding: chunked"])
    expect(first?.body.replace(/[0-9a-f]+\r\n/g, "").replaceAll("\r\n", "")).toBe("xyz")
    expect(first?.body).not.toMatch(/X-Trailer|n=v/)
  })

  it("an upgrade to h2c is served without it, and the connection ends", async () => {
    const h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    expect(await send(get(host + h2c))).toEqual([200])
    expect(seen()).toEqual(["GET /first HTTP/1.1"])
    expect(upstream.raw.join("")).not.toMatch(/upgrade|http2|h2c/i)
  })

  it("TRACE is refused but does no harm to what follows", async () => {
    expect(await send(`TRACE /first HTTP/1.1\r\n${host}\r\n`)).toEqual([405, 200])
    expect(seen()).toEqual(["GET /second HTTP/1.1"])
  })

  it("HTTP/1.0 without a Host asks for no host that is known", async () => {
    expect(await send("GET /first HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).toEqual([404, 200])
    expect(seen()).toEqual(["GET /second HTTP/1.1"])
  })
})

it("a request in two pieces, and one that a broken one follows, are answered in order", async () => {
  expect(await send(get(host) + get("X: no host\r\n"))).toEqual([200, 400])
  expect(seen()).toEqual(["GET /first HTTP/1.1"])
})

it("garbage behind a request that is being forwarded is answered after it", async () => {
  upstream.respond = ({ socket }) =>
    setTimeout(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"), 50)
  const text = await rawExchange(edge.httpPort, `${get(host)}\x01\x02garbage\r\n\r\n`)
  expect(statuses(text)).toEqual([200, 400])
  expect(text).toContain("slow")
})

it("a body that turns out broken after its head was forwarded never completes at the backend", async () => {
  const text = await rawExchange(edge.httpPort, post(chunked, `5\r\nhello\r\nZZ\r\n${second}`))
  expect(statuses(text)).toEqual([400])
  expect(seen()).toEqual([])
})
