import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"

let api: RunningApi
beforeAll(async () => {
  api = await runningApi()
})
afterAll(() => api.stop())

const instances = [{ name: "by-mcp", target_url: "http://93.184.216.34" }]

interface Tool {
  readonly name: string
  readonly annotations: Record<string, boolean>
  readonly inputSchema: { properties: Record<string, object> }
}
interface Result {
  readonly isError?: boolean
  readonly structuredContent: Record<string, unknown>
  readonly tools: Tool[]
}

async function rpc(method: string, params: object, token = api.adminToken): Promise<Result> {
  const headers = { accept: "application/json, text/event-stream" }
  const { body } = await api.call<string>("POST", "/mcp", { jsonrpc: "2.0", id: 1, method, params }, headers, token)
  const [, data] = /^data: (.*)$/m.exec(body)!
  return (JSON.parse(data!) as { result: Result }).result
}
const call = (name: string, args: object, token?: string) => rpc("tools/call", { name, arguments: args }, token)

test("the tools for the whole configuration take what the operations take, and say what they may destroy", async () => {
  const { tools } = await rpc("tools/list", {})
  const named = (name: string) => tools.find((tool) => tool.name === name)
  expect(named("exportConfiguration")!.annotations["readOnlyHint"]).toBe(true)
  expect(named("applyConfiguration")!.annotations).toMatchObject({ readOnlyHint: false, destructiveHint: true })
  expect(Object.keys(named("applyConfiguration")!.inputSchema.properties)).toEqual(
    expect.arrayContaining([
      "tokens",
      "instances",
      "certificates",
      "proxies",
      "routes",
      "resources",
      "services",
      "prune",
      "confirm",
    ]),
  )
  expect(Object.keys(named("cleanUp")!.inputSchema.properties)).toEqual(
    expect.arrayContaining(["kinds", "hostname", "confirm"]),
  )
  // Calls are kept by whoever makes them: a passphrase has no place in one.
  expect(named("exportConfigurationWithSecret")).toBeUndefined()
  expect((await call("exportConfiguration", { include_secrets: true })).isError).toBe(true)
})

test("without confirm they only plan", async () => {
  const { position } = await api.store.head()
  const plan = (await call("applyConfiguration", { instances })).structuredContent
  expect(plan).toMatchObject({ confirmed: false, plan: { create: [{ kind: "instances", name: "by-mcp" }] } })
  expect((await call("cleanUp", {})).structuredContent).toMatchObject({ confirmed: false, plan: { dry_run: true } })
  expect((await api.store.head()).position).toBe(position)
  const done = (await call("applyConfiguration", { instances, confirm: true })).structuredContent
  expect(done).toMatchObject({ dry_run: false, create: [{ name: "by-mcp" }] })
  expect((await api.store.read(position, 2)).map(({ type }) => type)).toEqual(["InstanceRegistered"])
})

test("they are none of an owner's", async () => {
  const alice = await api.token("alice")
  const names = (await rpc("tools/list", {}, alice)).tools.map(({ name }) => name)
  for (const name of ["exportConfiguration", "applyConfiguration", "cleanUp"]) {
    expect(names).not.toContain(name)
    expect((await call(name, { confirm: true }, alice)).isError).toBe(true)
  }
})
