import { describe, expect, it } from "vitest"
import { readBody } from "../../../src/edge/mcp/message.ts"

const read = (value: unknown) => readBody(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)))
const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "x", arguments: {} } }
/** Code and id of a refusal. */
const refused = (value: unknown) => {
  const body = read(value)
  return "code" in body ? [body.code, body.id] : "fine"
}

describe("an MCP message", () => {
  it("is a request, a notification or a response", () => {
    expect(read(call)).toMatchObject({
      batch: false,
      messages: [{ kind: "request", id: "1", method: "tools/call", params: { name: "x" }, version: undefined }],
    })
    expect(read({ jsonrpc: "2.0", method: "notifications/initialized" })).toMatchObject({
      messages: [{ kind: "notification", id: undefined }],
    })
    expect(read({ jsonrpc: "2.0", id: "a", result: {} })).toMatchObject({ messages: [{ kind: "response", id: '"a"' }] })
    expect(read([call, { ...call, id: 2 }])).toMatchObject({ batch: true, messages: [{ id: "1" }, { id: "2" }] })
  })

  it("keeps an id as it was written, of any size that is sane", () => {
    for (const id of ["9007199254740993", "-0", "1.50", "123456789012345678901234567890", '"\\u0000ü"'])
      expect(read(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`), id).toMatchObject({
        messages: [{ id: id.startsWith('"') ? JSON.stringify("\0ü") : id === "-0" ? "0" : id }],
      })
    expect(
      read(`[{"jsonrpc":"2.0","id":9007199254740993,"method":"ping","params":{"id":9007199254740995}}]`),
    ).toMatchObject({
      messages: [{ id: "9007199254740993" }],
    })
    expect(refused({ ...call, id: "x".repeat(1025) })).toEqual([-32600, undefined])
    expect(refused(`{"jsonrpc":"2.0","id":${"9".repeat(2000)},"method":"ping"}`)).toEqual([-32600, undefined])
  })

  it("is refused when it is none", () => {
    for (const value of [null, 1, "[]", "[1]", { ...call, id: null }, { ...call, id: {} }, { ...call, id: "\ud800" }])
      expect(refused(value), JSON.stringify(value)).toEqual([-32600, undefined])
    expect(refused({ ...call, jsonrpc: "1.0" })).toEqual([-32600, undefined])
    expect(refused({ jsonrpc: "2.0", id: 1 })).toEqual([-32600, "1"])
    expect(refused({ ...call, method: 5 })).toEqual([-32600, "1"])
    expect(refused({ ...call, method: "tools/call\0" })).toEqual([-32600, "1"])
    expect(refused({ ...call, params: ["x"] })).toEqual([-32602, "1"])
    expect(refused({ ...call, params: { name: 1 } })).toEqual([-32602, "1"])
    expect(refused({ ...call, params: { name: "delete\0" } })).toEqual([-32602, "1"])
    expect(refused({ ...call, params: { _meta: [] } })).toEqual([-32602, "1"])
    expect(refused({ ...call, params: { name: "delete\ud800" } })).toEqual([-32602, "1"])
    for (const name of ["io.modelcontextprotocol/protocolversion", "IO.modelcontextprotocol/protocolVersion"])
      expect(refused({ ...call, params: { _meta: { [name]: "2026-07-28" } } }), name).toEqual([-32602, "1"])
    expect(refused(Array.from({ length: 101 }, () => call))).toEqual([-32600, undefined])
    expect(refused("{")).toEqual([-32700, undefined])
  })

  it("is refused when a lax backend could read another one in it", () => {
    for (const text of [
      '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}',
    ])
      expect(refused(text)).toEqual([-32600, undefined])
    expect(refused({ ...call, Method: "tools/list" })).toEqual([-32600, "1"])
    expect(refused({ ...call, "param\u017f": {} })).toEqual([-32600, "1"])
    expect(refused({ ...call, params: { name: "a", Name: "b" } })).toEqual([-32602, "1"])
    expect(refused({ ...call, params: { ...call.params, _META: {} } })).toEqual([-32602, "1"])
    const listen = { ...call, method: "subscriptions/listen", params: { notifications: { ResourceSubscriptions: [] } } }
    expect(refused(listen)).toEqual([-32602, "1"])
  })

  it("may hold anything in a tool's arguments", () => {
    const odd = { Name: 1, name: 2, text: "\ud800\0", "": { a: [[[]]] } }
    expect(refused({ ...call, params: { name: "x", arguments: odd } })).toBe("fine")
  })
})
