import { describe, expect, it } from "vitest"
import { rawClient, statuses } from "../support/raw-client.ts"
import { framedEdge, upstream, edge, second, post, chunked, seen } from "./framed-edge.ts"

framedEdge()

describe("mutations of the framing headers, each followed by a second request", () => {
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"

  /** Sends everything at once and waits until both are answered or the edge closes. */
  async function attack(payload: string): Promise<void> {
    const client = await rawClient(edge.httpPort)
    client.socket.write(payload + second, "latin1")
    await client.until((text) => client.isClosed || statuses(text).length >= 2)
    client.socket.destroy()
  }

  async function attackAll(payloads: readonly string[]): Promise<void> {
    for (let at = 0; at < payloads.length; at += 40) await Promise.all(payloads.slice(at, at + 40).map(attack))
  }

  /** The backend saw requests of ours only, each with at most one framing header and none that could be taken for one. */
  function expectNothingSmuggled(): void {
    expect(upstream.raw.filter((bytes) => /^GET \/smuggled/m.test(withoutBodies(bytes)))).toEqual([])
    for (const { line, headers } of upstream.requests) {
      expect(line).toMatch(/^(POST|GET) \/(first|second) HTTP\/1\.1$/)
      const framing = headers.filter((header) =>
        /^[^a-z0-9]*(transfer[^a-z0-9]encoding|content[^a-z0-9]length)[^a-z0-9]*:/i.test(header),
      )
      expect(framing.slice(1)).toEqual([])
      for (const header of framing) expect(header).toMatch(/^(Transfer-Encoding: chunked|Content-Length: \d+)$/)
    }
  }

  const withoutBodies = (bytes: string) =>
    upstream.requests.reduce((text, { body }) => (body === "" ? text : text.replace(body, "")), bytes)

  const positions = [
    (c: string) => `${c}Transfer-Encoding: chunked`,
    (c: string) => `Transfer${c}Encoding: chunked`,
    (c: string) => `Transfer-Encoding${c}: chunked`,
    (c: string) => `Transfer-Encoding:${c}chunked`,
    (c: string) => `Transfer-Encoding: ${c}chunked`,
    (c: string) => `Transfer-Encoding: chunked${c}`,
    (c: string) => `Transfer-Encoding: chu${c}nked`,
    (c: string) => `X: y${c}Transfer-Encoding: chunked`,
    (c: string) => `Content-Length${c}: 5`,
    (c: string) => `Content-Length: ${c}5`,
    (c: string) => `Content-Length: 5${c}`,
  ]
  const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).concat(
    "\r\n ",
    "\r\n\t",
    "\n",
    ", identity",
    ";q=1",
    '"',
  )

  it("any byte at any place of Transfer-Encoding or Content-Length, beside a Content-Length", async () => {
    const body = `0\r\n\r\n${smuggled}`
    await attackAll(
      positions.flatMap((place) =>
        bytes.map((byte) => post(`Content-Length: ${body.length}\r\n${place(byte)}\r\n`, body)),
      ),
    )
    expectNothingSmuggled()
  }, 120_000)

  it("the same beside a Transfer-Encoding", async () => {
    const body = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`
    await attackAll(positions.flatMap((place) => bytes.map((byte) => post(`${chunked}${place(byte)}\r\n`, body))))
    expectNothingSmuggled()
  }, 120_000)

  it("1,000 random ones", async () => {
    const base = post(`${chunked}X-A: b\r\n`, "5\r\nhello\r\n0\r\n\r\n")
    const pieces = [
      "\r",
      "\n",
      "\0",
      " ",
      "\t",
      ":",
      "0",
      "\r\n",
      "Content-Length: 3\r\n",
      "Transfer-Encoding: chunked\r\n",
      "\x0b",
      ";",
      "\xff",
    ]
    let state = 42
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return (state >>> 8) % below
    }
    const mutated = Array.from({ length: 1000 }, () => {
      const at = random(base.length)
      return base.slice(0, at) + pieces[random(pieces.length)]! + base.slice(at + random(3))
    })
    await attackAll(mutated)
    for (const { headers } of upstream.requests)
      expect(
        headers.filter((header) => /^(transfer-encoding|content-length):/i.test(header)).length,
      ).toBeLessThanOrEqual(1)
    // Whatever became of the first request, its content never became one.
    expect(seen().filter((line) => !/^[A-Z]+ \/\S* HTTP\/1\.1$/.test(line))).toEqual([])
  }, 120_000)
})
