import { describe, expect, it } from "vitest"
import { heldBytes } from "../../../src/edge/mcp/held-bytes.ts"
import { paramFault, paramHeaders } from "../../../src/edge/mcp/param-headers.ts"
import { toolSchemas, watched } from "../../../src/edge/mcp/tool-schemas.ts"

const schema = {
  type: "object",
  properties: {
    region: { type: "string", "x-mcp-header": "Region" },
    count: { type: "integer", "x-mcp-header": "Count" },
    dry: { type: "boolean", "x-mcp-header": "Dry" },
    place: { type: "object", properties: { city: { type: "string", "x-mcp-header": "City" } } },
    list: { type: "array", items: { type: "string", "x-mcp-header": "Item" } },
    price: { type: "number", "x-mcp-header": "Price" },
    bad: { type: "string", "x-mcp-header": "a b" },
    plain: { type: "string" },
  },
}
const declared = paramHeaders(schema)
const fault = (args: unknown, headers: Record<string, string>) =>
  paramFault(declared, args, new Map(Object.entries(headers))) !== undefined

describe("parameters that are repeated in headers", () => {
  it("are declared by primitive properties that the root reaches", () => {
    expect(declared.map(({ header, path }) => `${header} ${path.join(".")}`)).toEqual([
      "region region",
      "count count",
      "dry dry",
      "city place.city",
    ])
    for (const nothing of [undefined, null, [], {}, { properties: [] }, { properties: null }])
      expect(paramHeaders(nothing)).toEqual([])
  })

  it("are nothing where two want the same header, in whatever case", () => {
    const text = (header: string) => ({ type: "string", "x-mcp-header": header })
    const twice = {
      type: "object",
      properties: { a: text("Region"), b: text("rEGION"), c: text("Other"), d: text("") },
    }
    expect(paramHeaders(twice).map(({ header }) => header)).toEqual(["other"])
  })

  it("say the same as the body: integers as numbers, booleans as text, Base64 decoded", () => {
    expect(fault({ region: "us", plain: "x" }, { region: "us", unknown: "x" })).toBe(false)
    expect(fault({ region: "ü" }, { region: `=?base64?${Buffer.from("ü").toString("base64")}?=` })).toBe(false)
    for (const text of ["42", "42.0", "042"]) expect(fault({ count: 42 }, { count: text }), text).toBe(false)
    expect(fault({ count: -7 }, { count: "-7" })).toBe(false)
    expect(fault({ dry: true }, { dry: "true" })).toBe(false)
    expect(fault({ place: { city: "Rom" } }, { city: "Rom" })).toBe(false)
    expect(fault({ region: null, place: {} }, {})).toBe(false)
    expect(fault(undefined, {})).toBe(false)
  })

  it("are refused otherwise", () => {
    expect(fault({ region: "us" }, {})).toBe(true)
    expect(fault({ region: "us" }, { region: "eu" })).toBe(true)
    expect(fault({ region: "us" }, { region: "US" })).toBe(true)
    expect(fault({ region: "us" }, { region: "=?base64?!?=" })).toBe(true)
    expect(fault({ region: "us" }, { region: "us\xe4" })).toBe(true)
    expect(fault({ region: null }, { region: "us" })).toBe(true)
    expect(fault({}, { region: "us" })).toBe(true)
    expect(fault({ count: 42 }, { count: "43" })).toBe(true)
    expect(fault({ count: 42 }, { count: "0x2a" })).toBe(true)
    expect(fault({ count: 2 ** 53 }, { count: String(2 ** 53) })).toBe(true)
    const largest = Number.MAX_SAFE_INTEGER
    expect(fault({ count: largest }, { count: `${largest}.0` })).toBe(false)
    // As a double it is the same number, for a backend with decimals it is not.
    for (const text of [`${largest}.4`, "42.00000000000000000001"])
      expect(fault({ count: text.startsWith("42") ? 42 : largest }, { count: text }), text).toBe(true)
    expect(fault({ dry: true }, { dry: "True" })).toBe(true)
    expect(fault({ place: { city: "Rom" } }, { city: "Mailand" })).toBe(true)
    expect(fault({ region: "us", Region: "eu" }, { region: "us" })).toBe(true)
    expect(fault({ __proto__: { region: "us" } }, { region: "us" })).toBe(true)
  })
})

describe("schemas of tools", () => {
  const listed = (...tools: unknown[]) => JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools } })

  it("are known once a list was seen, for that backend alone; the newest counts", () => {
    const schemas = toolSchemas()
    expect(schemas.of("a", "sql")).toBeUndefined()
    schemas.note("a", listed({ name: "sql", inputSchema: schema }, { name: "none" }, { name: 5 }, null))
    expect(schemas.of("a", "sql")).toHaveLength(4)
    expect(schemas.of("a", "none")).toEqual([])
    expect(schemas.of("b", "sql")).toBeUndefined()
    schemas.note("a", listed({ name: "sql", inputSchema: {} }))
    expect(schemas.of("a", "sql")).toEqual([])
    for (const text of ["", "{", '{"tools":[]}', '"tools"', '{"result":{"tools":5}}']) schemas.note("a", text)
    expect(schemas.of("a", "sql")).toEqual([])
  })

  it("are seen in an event stream whatever ends its lines, also where an answer has several", () => {
    const pretty = JSON.stringify({ result: { tools: [{ name: "sql", inputSchema: schema }] } }, null, 1).split("\n")
    for (const end of ["\n", "\r\n", "\r"]) {
      const seen: string[] = []
      const body = watched(true, heldBytes(2 ** 20).hold({ heldBytes: 0 }), (text) => seen.push(text))
      const stream = [
        "\ufeffdata: {}",
        "",
        ": x",
        "",
        "id: 1",
        ...pretty.map((line) => `data: ${line}`),
        "",
        "data: cut",
      ]
      for (const byte of Buffer.from(stream.join(end))) body.push(Buffer.from([byte]))
      body.end()
      expect(seen).toEqual(["{}", pretty.join("\n")])
    }
  })

  it("are bounded", () => {
    const schemas = toolSchemas(2)
    for (const place of ["a", "b", "c"]) schemas.note(place, listed({ name: "x" }))
    expect(["a", "b", "c"].map((place) => schemas.of(place, "x"))).toEqual([undefined, [], []])
  })
})
