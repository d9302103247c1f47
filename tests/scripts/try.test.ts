import { type Copy, newCopy } from "../support/copy.ts"
import { type Server, createServer } from "node:http"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { AddressInfo } from "node:net"
import { once } from "node:events"

let copy: Copy
let target: Server
const env = (values: Record<string, string>) => Object.assign(copy.env as Record<string, string>, values)

beforeAll(async () => {
  copy = await newCopy()
  target = createServer((_, answer) => answer.end("here")).listen(0, "127.0.0.1")
  await once(target, "listening")
  await copy.stack("up")
}, 90_000)
afterAll(async () => {
  target.close()
  await copy.remove()
})

it("what is left out on the command line comes from the variables for tests", async () => {
  const { body } = await copy.api<{ token: string }>("POST", "/api/v1/tokens", { name: "tester" })
  const { port } = target.address() as AddressInfo
  env({
    TEST_BASE_URL: `http://localhost:${copy.env["HTTP_PORT"]}/`,
    TEST_TOKEN: body.token,
    TEST_DOMAIN: "nobody.internal",
    TEST_DOMAIN_BASE: "live.internal",
    TEST_PROXY_TARGET_URL: `http://127.0.0.1:${port}`,
    MCP_SERVER_URL: "https://nowhere.internal/mcp",
  })
  const auth = await copy.script("try.ts", "auth")
  expect([auth.code, auth.output]).toEqual([0, expect.stringContaining("it belongs to tester\n")])
  const flow = await copy.script("try.ts", "auth-flow", "")
  expect([flow.code, flow.errors]).toEqual([1, expect.stringContaining("/proxy/targets/nobody.internal: 404")])
  const mcp = await copy.script("try.ts", "mcp", "")
  expect([mcp.code, mcp.errors]).toEqual([1, expect.not.stringContaining("nobody.internal")])
})

it("without its argument, or of a kind that there is not, it is a usage error", async () => {
  expect(await copy.script("try.ts", "auth-flow", "<required>")).toMatchObject({ code: 2 })
  expect(await copy.script("try.ts", "fly")).toMatchObject({ code: 2 })
})

it("a proxy is made, asked and gone again; an owner's token cannot lead it to this machine", async () => {
  const refused = await copy.script("try.ts", "proxy")
  expect([refused.code, refused.errors]).toEqual([1, expect.stringContaining("forbidden_target")])
  env({ TEST_TOKEN: "" })
  const made = await copy.script("try.ts", "proxy")
  expect([made.code, made.output]).toEqual([0, expect.stringMatching(/try-\w+\.live\.internal leads to .*: 200/)])
  const { body } = await copy.api<{ targets: object[] }>("GET", "/api/v1/proxy/targets")
  expect(body.targets).toEqual([])
  env({ TEST_PROXY_TARGET_URL: "http://127.0.0.1:9" })
  expect(await copy.script("try.ts", "proxy")).toMatchObject({ code: 1 })
})
