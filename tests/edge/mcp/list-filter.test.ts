import { describe, expect, it } from "vitest"
import type { BodyFilter } from "../../../src/edge/mcp/body-filter.ts"
import { eventFilter } from "../../../src/edge/mcp/event-filter.ts"
import { fc } from "../../support/property.ts"
import { heldBytes } from "../../../src/edge/mcp/held-bytes.ts"
import { jsonFilter } from "../../../src/edge/mcp/body-filter.ts"

const hold = () => heldBytes(256 * 1024 * 1024).hold({ heldBytes: 0 })
const hides = ({ kind, name }: { kind: string; name: string }) => name.startsWith(`hidden-${kind}`)
const tools = [{ name: "open" }, { name: "hidden-tool-1" }, { name: "hidden-prompt" }]
const result = (value: object) => ({ jsonrpc: "2.0", id: 1, result: value })

/** What comes out of a filter when a text goes in, cut at these places; why, when it may not. */
function run(filter: BodyFilter, text: string | Buffer, cuts: readonly number[] = []): string {
  const bytes = Buffer.from(text)
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  const out: Buffer[] = []
  for (let at = 1; at < places.length; at += 1) {
    // The edge reads into one buffer again and again.
    const piece = Buffer.from(bytes.subarray(places[at - 1], places[at]))
    const passed = filter.push(piece)
    if (typeof passed === "string") return passed
    out.push(Buffer.from(passed))
    piece.fill(0)
  }
  const rest = filter.end()
  return typeof rest === "string" ? rest : Buffer.concat([...out, rest]).toString()
}

describe("a JSON answer", () => {
  const json = (text: string, cuts: number[] = []) => run(jsonFilter(hides, hold()), text, cuts)

  it("loses the entries that are hidden, of every kind of list, and nothing else", () => {
    const lists = {
      tools,
      prompts: [{ name: "hidden-tool" }, { name: "hidden-prompt" }],
      resources: [{ uri: "hidden-resource://x" }, { uri: "file:///x" }],
      resourceTemplates: [{ uriTemplate: "hidden-resource://{x}" }, { uriTemplate: "file:///{x}" }],
      nextCursor: "more",
      ttlMs: 5,
      cacheScope: "public",
    }
    expect(JSON.parse(json(JSON.stringify(result(lists)), [3, 50, 51]))).toEqual(
      result({
        tools: [{ name: "open" }, { name: "hidden-prompt" }],
        prompts: [{ name: "hidden-tool" }],
        resources: [{ uri: "file:///x" }],
        resourceTemplates: [{ uriTemplate: "file:///{x}" }],
        nextCursor: "more",
        ttlMs: 5,
        cacheScope: "private",
      }),
    )
    expect(JSON.parse(json(JSON.stringify([result({ tools }), { jsonrpc: "2.0", method: "x" }])))).toEqual([
      result({ tools: [{ name: "open" }, { name: "hidden-prompt" }] }),
      { jsonrpc: "2.0", method: "x" },
    ])
  })

  it("takes room only until it is judged, and an event until it is whole", () => {
    const room = heldBytes(2 ** 20)
    const holder = { heldBytes: 0 }
    const whole = jsonFilter(hides, room.hold(holder))
    whole.push(Buffer.from('{"result":{"tools":['))
    expect([room.held > 0, holder.heldBytes]).toEqual([true, room.held])
    whole.push(Buffer.from("]}}"))
    whole.end()
    expect([room.held, holder.heldBytes]).toEqual([0, 0])
    const events = eventFilter(hides, room.hold(holder))
    events.push(Buffer.from("data: {}\n\ndata: {"))
    expect(room.held).toBeGreaterThan(0)
    events.push(Buffer.from("}\n\n"))
    expect(room.held).toBe(0)
    events.push(Buffer.from("data: never whole"))
    room.release(holder)
    expect([room.held, holder.heldBytes]).toEqual([0, 0])
  })

  it("keeps numbers that JavaScript would round", () => {
    const text =
      '{"result":{"tools":[{"name":"open","inputSchema":{"maximum":9223372036854775807,"x":1.10,"y":1e400}}]}}'
    expect(json(text)).toBe(text)
  })

  it("loses entries that nobody can judge, and lists however their names are escaped", () => {
    expect(json('{"result":{"tools":[1,null,{},{"name":5},{"name":"open"}]}}')).toBe(
      '{"result":{"tools":[{"name":"open"}]}}',
    )
    expect(json('{"result":{"t\\u006fols":[{"name":"hidden-tool"}]}}')).toBe('{"result":{"tools":[]}}')
    expect(json('{"result":{"tools":[{"name":"hidden\\u002dtool"}]}}')).toBe('{"result":{"tools":[]}}')
  })

  it("passes byte by byte when it holds no list, and not at all when it cannot be read", () => {
    for (const text of ['{ "jsonrpc":"2.0", "error":{} }', "not json", "", '{"result":{"content":[]}}'])
      expect(json(text)).toBe(text)
    expect(json('{"result":{"tools":[{"name":NaN}]}}')).toBe("mcp_answer_unreadable")
    expect(json('{"result":{"tools":[')).toBe("mcp_answer_unreadable")
    expect(run(jsonFilter(hides, hold()), Buffer.alloc(17 * 1024 * 1024, 32))).toBe("mcp_answer_too_large")
  })
})

describe("an event stream", () => {
  const events = (text: string, cuts: number[] = []) => run(eventFilter(hides, hold()), text, cuts)
  const listed = JSON.stringify(result({ tools }))
  const shortened = JSON.stringify(result({ tools: [{ name: "open" }, { name: "hidden-prompt" }] }))

  it("is filtered event by event; fields other than data stay", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const stream = [
        ": hello",
        "",
        "id: 7",
        "event: message",
        `data: ${listed}`,
        "",
        'data: {"jsonrpc":"2.0","method":"notifications/x"}',
        "",
        "",
      ].join(end)
      const out = events(stream)
      expect(out).not.toContain("hidden-tool")
      expect(out).toContain(`data: ${shortened}\n\n`)
      expect(out).toContain("id: 7\nevent: message\n")
      expect(out).toContain("notifications/x")
      expect(out.startsWith(`: hello${end}${end}`)).toBe(true)
    }
  })

  it("does not depend on where it is cut", () => {
    const pretty = JSON.stringify(result({ tools }), null, 1)
    const stream = `\ufeffdata:${pretty.split("\n").join("\r\ndata:")}\r\n\r\n\n: ping\n\ndata: ${listed}\r\rdata: x\n\n`
    // Between \r and \n a cut may leave one blank line more.
    const plain = (text: string) => text.replace(/\n{3,}/g, "\n\n")
    const whole = plain(events(stream))
    expect(whole).not.toContain("hidden-tool")
    expect(whole.match(/hidden-prompt/g)).toHaveLength(2)
    fc.assert(fc.property(fc.array(fc.nat(2000), { maxLength: 20 }), (cuts) => plain(events(stream, cuts)) === whole))
  })

  it("passes byte by byte where no event holds a list", () => {
    const line = fc.constantFrom("data: {}", "data", ": c", "id: 1", "", "data: tools", 'data: {"a":"ü"}', "retry: 5")
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom("\n", "\r\n", "\r"), fc.array(fc.nat(500)), (lines, end, cuts) => {
        const stream = [...lines, "", ""].join(end)
        expect(events(`${stream}x`, cuts)).toBe(stream)
      }),
    )
  })

  it("is filtered in time that grows with its lines, not with their pairs", () => {
    const many = 200_000
    const stream = `${":x\n".repeat(many)}data: {"result":{"tools":[]}\n${"data:\n".repeat(many)}data: }\n\n`
    expect(events(stream)).toBe(`${":x\n".repeat(many)}data: {"result":{"tools":[]}}\n\n`)
  })

  it("ends where an event names a list but cannot be read, or never ends", () => {
    expect(events('data: {"result":{"tools":[NaN]}}\n\n')).toBe("mcp_answer_unreadable")
    const endless = Buffer.concat([Buffer.from("data: "), Buffer.alloc(17 * 1024 * 1024, 65)])
    expect(run(eventFilter(hides, hold()), endless)).toBe("mcp_answer_too_large")
    // The start of an event that is cut off is no event, and never goes on.
    expect(events(`data: ${listed}`)).toBe("")
  })
})
