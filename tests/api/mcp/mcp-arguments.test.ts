import { describe, expect, it } from "vitest"
import { fc } from "../../support/property.ts"
import { endpoints } from "../../../src/api/endpoint-table.ts"
import { bodyArgument, fieldsOf, toolsOf } from "../../../src/api/mcp/tool.ts"
import { mcpServer, api, alice, modern } from "./mcp-clients.ts"

mcpServer()

describe("arguments", () => {
  it("have one name each, in every tool", () => {
    for (const { endpoint } of toolsOf(endpoints)) {
      const fields = Object.keys(fieldsOf(endpoint.body)).filter((field) => field !== "dry_run")
      const body = fields.map((field) => bodyArgument(endpoint, field))
      const names = [...Object.keys(fieldsOf(endpoint.params)), ...Object.keys(fieldsOf(endpoint.query)), ...body]
      expect([endpoint.operationId, names.length]).toEqual([endpoint.operationId, new Set(names).size])
    }
  })

  it("cannot say in another way that it is no dry run", async () => {
    const { tools, call, close } = await modern(api.adminToken)
    const register = (await tools()).find(({ name }) => name === "autoRegisterResources")!
    expect(Object.keys(register.inputSchema.properties!).toSorted()).toEqual(["confirm", "idempotency_key", "if_match"])
    const dry = await call("autoRegisterResources", { dry_run: false })
    expect(dry.structuredContent).toMatchObject({ confirmed: false })
    const other = await call("autoRegisterResources", { new_dry_run: false })
    expect(other.structuredContent).toMatchObject({ code: "validation_failed" })
    await close()
  })

  it("of the body that the path has too are told apart", async () => {
    const { tools, call, close } = await modern(api.adminToken)
    const rename = (await tools()).find(({ name }) => name === "updateInstance")!
    expect(Object.keys(rename.inputSchema.properties!)).toEqual(expect.arrayContaining(["name", "new_name"]))
    await call("registerInstance", { name: "before", target_url: "http://93.184.216.34" })
    expect((await call("updateInstance", { name: "before", new_name: "after" })).structuredContent).toMatchObject({
      name: "after",
    })
    await close()
  })
})

it("fails inside for no arguments, whatever they are", async () => {
  const { tools, call, close } = await modern(alice)
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom("..", "a\r\nb: c", "\0", "%00", "\ud800", -1, 1e308),
  )
  for (const { name, inputSchema } of await tools()) {
    // A read that waits does so for as long as it is told.
    const fields = [...Object.keys(inputSchema.properties!), "unknown", "__proto__"].filter((field) => field !== "wait")
    const entries = fc.array(fc.tuple(fc.constantFrom(...fields), odd), { maxLength: 6 })
    for (const sample of fc.sample(entries, 6)) {
      const args = JSON.parse(JSON.stringify(Object.fromEntries(sample))) as Record<string, unknown>
      const answer = await call(name, args)
      expect(answer.structuredContent?.["code"], `${name} ${JSON.stringify(args)}`).not.toBe("internal")
    }
  }
  await close()
}, 60_000)
