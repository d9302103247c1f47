import { describe, expect, it } from "vitest"
import { protocolFault, readMcpHeaders } from "../../../src/edge/mcp/protocol.ts"
import { decodeHeaderValue } from "../../../src/edge/mcp/header-value.ts"
import { readBody } from "../../../src/edge/mcp/message.ts"

const modern = "2026-07-28"
const meta = { "io.modelcontextprotocol/protocolVersion": modern }
const body = (method: string, params: object = {}, id: unknown = 7) => ({ jsonrpc: "2.0", id, method, params })
const encoded = (text: string) => `=?base64?${Buffer.from(text).toString("base64")}?=`

/** Code of what is wrong, or undefined. */
function fault(headers: Record<string, string> | string[], message: unknown, allowed?: readonly string[]) {
  const read = readBody(Buffer.from(JSON.stringify(message)))
  if ("code" in read) throw new Error(read.message)
  const flat = Array.isArray(headers) ? headers : Object.entries(headers).flat()
  const found = protocolFault(readMcpHeaders(flat), read, allowed)
  if (found !== undefined && !Array.isArray(message))
    expect(found.id).toBe((message as { id?: number }).id === undefined ? undefined : "7")
  return found?.code
}

const version = { "MCP-Protocol-Version": modern }
const callHeaders = { ...version, "Mcp-Method": "tools/call", "Mcp-Name": "add" }
const call = body("tools/call", { name: "add", arguments: {}, _meta: meta })

describe("the revision", () => {
  it("is a known one that the proxy lets pass", () => {
    expect(fault({ "MCP-Protocol-Version": "2025-06-18" }, body("ping"))).toBeUndefined()
    expect(fault({}, body("ping"))).toBeUndefined()
    for (const odd of ["1900-01-01", "2026-07-29", "", "2025-06-18, 2025-06-18", "ü", "constructor"])
      expect(fault({ "MCP-Protocol-Version": odd }, body("ping")), odd).toBe(-32022)
    expect(fault({ "MCP-Protocol-Version": "2025-06-18" }, body("ping"), [modern])).toBe(-32022)
    expect(fault({}, body("ping"), [modern, "2025-11-25"])).toBe(-32022)
    expect(fault({}, body("initialize"), [modern, "2025-11-25"])).toBeUndefined()
    expect(fault({}, body("initialize"), [modern])).toBe(-32022)
  })

  it("says what would do", () => {
    const read = readBody(Buffer.from(JSON.stringify(body("ping"))))
    if ("code" in read) throw new Error(read.message)
    expect(protocolFault(readMcpHeaders(["mcp-protocol-version", "1900-01-01"]), read, undefined)).toEqual({
      code: -32022,
      message: "Unsupported protocol version",
      id: "7",
      data: {
        supported: [modern, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"],
        requested: "1900-01-01",
      },
    })
  })

  it("says to a request without a handshake what it can go on with", () => {
    const unknown = "2099-01-01"
    const later = body("tools/list", { _meta: { ...meta, "io.modelcontextprotocol/protocolVersion": unknown } })
    const read = readBody(Buffer.from(JSON.stringify(later)))
    if ("code" in read) throw new Error(read.message)
    const supported = (allowed?: string[]) =>
      protocolFault(readMcpHeaders(["mcp-protocol-version", unknown]), read, allowed)?.data
    expect(supported()).toEqual({ supported: [modern], requested: unknown })
    expect(supported(["2025-11-25"])).toEqual({ supported: ["2025-11-25"], requested: unknown })
  })

  it("is the same in header and body, so that nobody is downgraded", () => {
    expect(fault({}, call)).toBe(-32020)
    expect(fault({}, call, [modern])).toBe(-32020)
    expect(fault({ ...callHeaders, "MCP-Protocol-Version": "2025-11-25" }, call)).toBe(-32020)
    const other = body("tools/call", {
      name: "add",
      _meta: { "io.modelcontextprotocol/protocolVersion": "2025-11-25" },
    })
    expect(fault(callHeaders, other)).toBe(-32020)
    expect(
      fault(
        callHeaders,
        body("tools/call", { name: "add", _meta: { ...meta, "io.modelcontextprotocol/protocolVersion": 1 } }),
      ),
    ).toBe(-32020)
    // A modern header without a revision in the body is for the backend to complain about.
    expect(fault(callHeaders, body("tools/call", { name: "add" }))).toBeUndefined()
  })
})

describe("a modern request", () => {
  it("repeats method and name in its headers", () => {
    expect(fault(callHeaders, call)).toBeUndefined()
    expect(
      fault({ "mcp-PROTOCOL-version": modern, "MCP-METHOD": "tools/call", "mcp-name": "add" }, call),
    ).toBeUndefined()
    expect(fault({ ...version, "Mcp-Name": "add" }, call)).toBe(-32020)
    expect(fault({ ...version, "Mcp-Method": "tools/call" }, call)).toBe(-32020)
    expect(fault({ ...callHeaders, "Mcp-Method": "tools/Call" }, call)).toBe(-32020)
    expect(fault({ ...callHeaders, "Mcp-Name": "Add" }, call)).toBe(-32020)
    expect(fault({ ...callHeaders, "Mcp-Name": "" }, call)).toBe(-32020)
    const uri = "file:///a b/ü"
    const reading = body("resources/read", { uri, _meta: meta })
    expect(fault({ ...version, "Mcp-Method": "resources/read", "Mcp-Name": encoded(uri) }, reading)).toBeUndefined()
    expect(fault({ ...version, "Mcp-Method": "resources/read", "Mcp-Name": encoded("file:///b") }, reading)).toBe(
      -32020,
    )
    expect(
      fault(
        { ...version, "Mcp-Method": "prompts/get", "Mcp-Name": "p" },
        body("prompts/get", { name: "q", _meta: meta }),
      ),
    ).toBe(-32020)
    expect(fault({ ...version, "Mcp-Method": "tools/list" }, body("tools/list", { _meta: meta }))).toBeUndefined()
    expect(
      fault(
        { ...version, "Mcp-Method": "tasks/get", "Mcp-Name": "t1" },
        body("tasks/get", { taskId: "t1", _meta: meta }),
      ),
    ).toBeUndefined()
    expect(
      fault({ ...version, "Mcp-Method": "tools/list", "Mcp-Name": "add" }, body("tools/list", { _meta: meta })),
    ).toBe(-32020)
  })

  it("has no header twice, malformed or with characters that no header may hold", () => {
    const flat = Object.entries(callHeaders).flat()
    for (const name of ["Mcp-Name", "MCP-METHOD", "mcp-protocol-version", "Mcp-Param-X"])
      expect(fault([...flat, "Mcp-Param-X", "1", name, "add"], call), name).toBe(-32020)
    for (const value of [
      "=?base64?YWRk",
      "=?base64?YWR?=",
      "=?base64?YW Rk?=",
      "=?base64?/w==?=",
      "=?base64?YWRk?=x",
      "add\x01",
      "=?BASE64?YWRk?=",
    ])
      expect(fault({ ...callHeaders, "Mcp-Name": value }, call), value).toBe(-32020)
    expect(fault({ ...callHeaders, "Mcp-Name": encoded("add") }, call)).toBeUndefined()
    expect(fault({ ...callHeaders, "Mcp-Method": "tools/call\xe4" }, call)).toBe(-32020)
  })

  it("that is a notification needs none of them, but what is there must be right", () => {
    const notification = { jsonrpc: "2.0", method: "notifications/cancelled", params: {} }
    expect(fault(version, notification)).toBeUndefined()
    expect(fault({ ...version, "Mcp-Method": "notifications/cancelled" }, notification)).toBeUndefined()
    expect(fault({ ...version, "Mcp-Method": "tools/call" }, notification)).toBe(-32020)
  })
})

describe("a legacy request", () => {
  const old = body("tools/call", { name: "add", arguments: {} })

  it("needs no such header, and may not contradict itself", () => {
    const legacy = { "MCP-Protocol-Version": "2025-11-25" }
    expect(fault(legacy, old)).toBeUndefined()
    expect(fault({ ...legacy, "Mcp-Method": "tools/call", "Mcp-Name": "add" }, old)).toBeUndefined()
    expect(fault({ ...legacy, "Mcp-Method": "tools/list" }, old)).toBe(-32020)
    expect(fault({ "Mcp-Name": "other" }, old)).toBe(-32020)
  })

  it("comes in a batch for 2025-03-26 alone, and each element is judged", () => {
    expect(fault({}, [old, body("ping")])).toBeUndefined()
    expect(fault({ "MCP-Protocol-Version": "2025-03-26" }, [old])).toBeUndefined()
    expect(fault({ "MCP-Protocol-Version": "2025-06-18" }, [old])).toBe(-32600)
    expect(fault(callHeaders, [call])).toBe(-32600)
    expect(fault({}, [body("ping"), call])).toBe(-32020)
    expect(fault({ "Mcp-Method": "tools/call" }, [old, body("ping")])).toBe(-32020)
  })
})

describe("a header value", () => {
  it("is decoded as the specification's table says", () => {
    const table = {
      "us-west1": "us-west1",
      "=?base64?SGVsbG8sIOS4lueVjA==?=": "Hello, 世界",
      "=?base64?IHBhZGRlZCA=?=": " padded ",
      "=?base64?bGluZTEKbGluZTI=?=": "line1\nline2",
      "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=": "=?base64?literal?=",
      "=?base64??=": "",
    }
    for (const [value, text] of Object.entries(table)) expect(decodeHeaderValue(value)).toBe(text)
    for (const value of ["=?base64?YR==?=", "=?base64?YWE?=", "=?base64?7aCA?=", "ä", "a\x7f"])
      expect(decodeHeaderValue(value), value).toBeUndefined()
  })
})
