import { type Recorder, recorder } from "../../support/recorder.ts"
import { type TestEdge, testEdge } from "../../support/edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { rawClient, statuses } from "../../support/raw-client.ts"
import { defaultMcp } from "../../support/access-tokens.ts"
import { fc } from "../../support/property.ts"
import { readBody } from "../../../src/edge/mcp/message.ts"

/** A value as a lax parser sees it: an object is every member that stands in the text, in order. */
type Lax = { members: [string, Lax][] } | { items: Lax[] } | { scalar: unknown }

/** A parser of our own that decides nothing: the tests look at its result as one parser or another would. */
function laxly(text: string): Lax {
  let at = 0
  const blank = () => {
    while (/[ \t\r\n]/.test(text[at] ?? "")) at += 1
  }
  const take = (pattern: RegExp) => {
    const [found] = pattern.exec(text.slice(at))!
    at += found.length
    return JSON.parse(found) as unknown
  }
  const list = <T>(end: string, one: () => T): T[] => {
    const found: T[] = []
    at += 1
    for (blank(); text[at] !== end; blank()) {
      if (text[at] === ",") at += 1
      blank()
      found.push(one())
    }
    at += 1
    return found
  }
  const string = () => take(/^"(?:[^"\\]|\\.)*"/s) as string
  const value = (): Lax => {
    blank()
    if (text[at] === "[") return { items: list("]", value) }
    if (text[at] !== "{") return { scalar: text[at] === '"' ? string() : take(/^[^,\]}\s]+/) }
    const member = (): [string, Lax] => {
      const name = string()
      blank()
      at += 1
      return [name, value()]
    }
    return { members: list("}", member) }
  }
  return value()
}

/** Every value that some parser may take for this member: the first or the last, with or without regard to case. */
function candidates(value: Lax | undefined, name: string): Lax[] {
  if (value === undefined || !("members" in value)) return []
  const like = (other: string) => other.normalize("NFKC").toLowerCase() === name.toLowerCase()
  return value.members.filter(([other]) => like(other)).map(([, found]) => found)
}

const names = fc.constantFrom(
  "jsonrpc",
  "method",
  "params",
  "id",
  "Method",
  "PARAMS",
  "param\u017f",
  "methoď",
  "name",
  "Name",
  "uri",
  "_meta",
  "x",
)
const nameText = names.chain((name) =>
  fc.constantFrom(
    JSON.stringify(name),
    `"${name
      .split("")
      .map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join("")}"`,
  ),
)
const scalar = fc.constantFrom(
  '"2.0"',
  '"tools/call"',
  '"tools/list"',
  '"a"',
  '"b"',
  "1",
  "1e999",
  "null",
  "true",
  '"\\u0000"',
  '"\\ud800"',
)
const blank = fc.constantFrom("", " ", "\n")
const { value: json } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
    fc.array(fc.tuple(nameText, blank, tie("value")), { maxLength: 4 }).map((members) => object(members)),
  ),
}))
const object = (members: [string, string, string][]) =>
  `{${members.map(([name, gap, value]) => `${name}${gap}:${gap}${value}`).join(",")}}`

/** Texts that are nearly messages. */
const nearly = fc
  .tuple(
    fc.array(fc.tuple(nameText, blank, json), { maxLength: 3 }),
    fc.array(fc.tuple(nameText, blank, json), { maxLength: 3 }),
    fc.nat(3),
  )
  .map(([extra, params, place]) => {
    const own: [string, string, string][] = [
      ['"jsonrpc"', "", '"2.0"'],
      ['"id"', "", "1"],
      ['"method"', "", '"tools/call"'],
      ['"params"', "", object([['"name"', "", '"a"'], ...params])],
    ]
    own.splice(place, 0, ...extra)
    return object(own)
  })

describe("the reader of messages", () => {
  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readBody(Buffer.from(bytes))),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.oneof(json, nearly), (text) => void readBody(Buffer.from(text))),
      { numRuns: 2000 },
    )
  })

  it("lets nothing pass in which another parser reads another method or name", () => {
    let passed = 0
    fc.assert(
      fc.property(nearly, (text) => {
        const body = readBody(Buffer.from(text))
        if ("code" in body) return
        passed += 1
        const [message] = body.messages
        const seen = laxly(text)
        const methods = candidates(seen, "method")
        expect(methods).toEqual([{ scalar: message!.method }])
        const params = candidates(seen, "params")
        expect(params.length).toBeLessThanOrEqual(1)
        const found = candidates(params[0], "name")
        expect(found).toEqual(message!.params["name"] === undefined ? [] : [{ scalar: message!.params["name"] }])
      }),
      { numRuns: 5000 },
    )
    expect(passed).toBeGreaterThan(100)
  })
})

describe("a message on the wire", () => {
  let edge: TestEdge
  let backend: Recorder
  beforeAll(async () => {
    backend = await recorder()
    edge = await testEdge()
    edge.proxy("mcp.test", backend.port)
    edge.projections.append("proxy", "mcp.test", "ProxyMcpSet", defaultMcp)
  })
  beforeEach(() => backend.reset())
  afterAll(async () => {
    await edge.close(0)
    await backend.close()
  })
  const head = "POST /mcp HTTP/1.1\r\nHost: mcp.test\r\nContent-Type: application/json\r\n"
  const message = (id: number) =>
    JSON.stringify({ jsonrpc: "2.0", id, method: "ping", params: { text: "ü".repeat(id) } })

  it("is the same behind the edge, however it is cut and framed", async () => {
    const body = Buffer.from(message(40))
    const cut = fc.array(fc.integer({ min: 1, max: body.length - 1 }), { maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(cut, fc.boolean(), async (cuts, chunked) => {
        backend.reset()
        const client = await rawClient(edge.httpPort)
        client.socket.write(
          `${head}${chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`}\r\n\r\n`,
        )
        const places = [0, ...new Set([...cuts].sort((a, b) => a - b)), body.length]
        for (const [at, end] of places.slice(1).entries()) {
          const piece = body.subarray(places[at], end)
          if (chunked) client.socket.write(`${piece.length.toString(16)};x=y\r\n`)
          client.socket.write(piece)
          if (chunked) client.socket.write("\r\n")
          await new Promise((resolve) => setImmediate(resolve))
        }
        if (chunked) client.socket.write("0\r\nTrailer: x\r\n\r\n")
        await client.until((text) => text.endsWith("ok"))
        client.socket.destroy()
        expect(backend.requests.map((request) => request.body)).toEqual([body.toString("latin1")])
      }),
      { numRuns: 25 },
    )
  })

  it("is answered in order when several are sent at once, each with its own headers", async () => {
    const client = await rawClient(edge.httpPort)
    const post = (id: number) =>
      `${head}X-Nth: ${id}\r\nContent-Length: ${Buffer.byteLength(message(id))}\r\n\r\n${Buffer.from(message(id)).toString("latin1")}`
    backend.respond = ({ socket, headers }) => {
      const nth = headers.find((line) => line.startsWith("X-Nth"))!.slice(-1)
      setTimeout(() => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${nth}`), 60 - Number(nth) * 20)
    }
    client.socket.write(`${post(1)}${post(2)}GET /other HTTP/1.1\r\nHost: mcp.test\r\nX-Nth: 3\r\n\r\n`, "latin1")
    const text = await client.until((got) => statuses(got).length === 3 && got.endsWith("3"))
    expect([...text.matchAll(/\r\n\r\n(\d)/g)].map(([, nth]) => nth)).toEqual(["1", "2", "3"])
    client.socket.destroy()
  })
})
