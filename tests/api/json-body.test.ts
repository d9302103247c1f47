import { type AddressInfo, connect } from "node:net"
import { type IncomingMessage, type ServerResponse, createServer } from "node:http"
import { describe, expect, test } from "vitest"
import { jsonBody, parseJson } from "../../src/api/json-body.ts"
import { GatehouseError } from "../../src/errors.ts"
import { once } from "node:events"
import { fc } from "../support/property.ts"

const text = (value: string) => parseJson(Buffer.from(value))
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof GatehouseError) return error.code
    throw error
  }
  return "accepted"
}

describe("a JSON body", () => {
  test("is the value that its text means", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const written = JSON.stringify(value)
        const readable = written.isWellFormed() && !/"(__proto__|constructor|prototype)"\s*:/.test(written)
        if (readable) expect(text(written)).toEqual(JSON.parse(written))
      }),
    )
  })

  test("may hold a text of any length and any escapes", () => {
    const long = `${"\\n".repeat(12e6)}\\\\`
    expect(text(`{"a":"${long}","b":"\\\\\\"","c":"{"}`)).toMatchObject({ b: '\\"', c: "{" })
  })

  test.each([
    ["a key that stands twice", '{"a":1,"a":2}'],
    ["a key that stands twice in another spelling", '{"a":1,"\\u0061":2}'],
    ["a key that stands twice deep inside", '[{"x":{"b":[],"c":"}","b":0}}]'],
    ["__proto__", '{"__proto__":{"admin":true}}'],
    ["an escaped __proto__", '{"\\u005f_proto__":1}'],
    ["constructor", '{"constructor":1}'],
    ["prototype", '[{"prototype":1}]'],
    ["a lone surrogate in a text", '"\\ud800"'],
    ["a lone surrogate in a key", '{"\\udfff":1}'],
    ["a number beyond a double", "1e999"],
    ["a number that is none", "NaN"],
    ["a comment", "{} // no"],
    ["a trailing comma", '{"a":1,}'],
    ["two values", "{}{}"],
    ["single quotes", "{'a':1}"],
    ["a byte order mark", "\ufeff{}"],
    ["33 levels", "[".repeat(33) + "]".repeat(33)],
    ["100,000 levels", "[".repeat(100_000) + "]".repeat(100_000)],
  ])("with %s is refused", (_, body) => {
    expect(codeOf(() => text(body))).toBe("invalid_json")
  })

  test("may have 32 levels, repeat a key in different objects, and hold brackets in texts", () => {
    expect(text("[".repeat(32) + "]".repeat(32))).toBeDefined()
    expect(text('[{"a":1},{"a":2,"b":{"a":"{[\\"a\\":"}}]')).toEqual([{ a: 1 }, { a: 2, b: { a: '{["a":' } }])
  })

  test("that is not UTF-8 is refused", () => {
    expect(codeOf(() => parseJson(Buffer.from([0x22, 0xc3, 0x28, 0x22])))).toBe("invalid_json")
    expect(codeOf(() => parseJson(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])))).toBe("invalid_json")
  })

  test("is not quoted in the error", () => {
    expect(() => text('{"token":"acm_secret"')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("acm_") }),
    )
  })
})

const request = (body: string | ReadableStream, headers: Record<string, string>) =>
  new Request("http://localhost/", { method: "POST", body, headers, duplex: "half" })

describe("reading a body", () => {
  test.each(["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])(
    "takes %s",
    async (type) => {
      expect(await jsonBody(request("{}", { "content-type": type }), 100)).toEqual({})
    },
  )

  test.each(["text/plain", "application/json; charset=latin1", "application/jsonx", "application/problem+json", ""])(
    "refuses the type %j",
    async (type) => {
      await expect(jsonBody(request("{}", { "content-type": type }), 100)).rejects.toMatchObject({
        code: "unsupported_media_type",
      })
    },
  )

  test("stops at the limit, whatever Content-Length says", async () => {
    let pulled = 0
    const endless = new ReadableStream({
      pull(controller) {
        pulled += 1
        controller.enqueue(new Uint8Array(1000))
      },
    })
    const headers = { "content-type": "application/json" }
    await expect(jsonBody(request(endless, headers), 10_000)).rejects.toMatchObject({ code: "payload_too_large" })
    expect(pulled).toBeLessThan(20)
  })

  test("is refused when its client leaves before the end", async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1")
    client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{}")
    const [req, res] = (await once(server, "request")) as [IncomingMessage, ServerResponse]
    const read = jsonBody({ headers: new Headers(), body: null, runtime: { name: "node", node: { req, res } } }, 100)
    client.destroy()
    await expect(read).rejects.toMatchObject({ code: "bad_request" })
    server.close()
  })

  test("gives nothing for an empty body, of whatever type", async () => {
    expect(await jsonBody(request("", { "content-type": "text/plain" }), 100)).toBeUndefined()
  })
})
