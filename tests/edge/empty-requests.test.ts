import { H3, toNodeHandler } from "h3"
import { afterAll, beforeAll, expect, it } from "vitest"
import { rawClient, rawExchange, statuses } from "../support/raw-client.ts"
import { type GuardedEdge, guardedEdge } from "./mcp/guarded-edge.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"

const aborted: boolean[] = []
let left: Promise<unknown>
const app = new H3().all("/**", async ({ req }) => {
  const { signal } = req
  aborted.push(signal.aborted)
  if (req.url.endsWith("/wait")) {
    left = new Promise((resolve) => signal.addEventListener("abort", resolve))
    await left
  }
  return `${req.method} ${JSON.stringify(await req.text())}|`
})
let edge: TestEdge
let gate: GuardedEdge

beforeAll(async () => {
  edge = await testEdge({ ADMIN_HOSTS: "admin.test" }, { admin: toNodeHandler(app) })
  gate = await guardedEdge()
})
afterAll(async () => {
  await edge.close(0)
  await gate.close()
})

const bare = (method: string, path: string) => `${method} ${path} HTTP/1.1\r\nHost: admin.test\r\n\r\n`

it("A request of our own without length and chunks has an empty body, and its client has not left", async () => {
  const client = await rawClient(edge.httpPort)
  const methods = ["GET", "POST", "DELETE", "POST"]
  for (const [at, method] of methods.entries()) {
    client.socket.write(bare(method, "/x"))
    await client.until((text) => text.split("|").length === at + 2)
  }
  // And two at once.
  client.socket.write(bare("POST", "/x") + bare("GET", "/x"))
  const text = await client.until((received) => received.split("|").length === 7)
  expect(text.match(/[A-Z]+ ""\|/g)).toEqual([...methods, "POST", "GET"].map((method) => `${method} ""|`))
  expect(aborted).toEqual(Array.from({ length: 6 }, () => false))
  client.socket.destroy()
})

it("It hears when its client leaves", async () => {
  const seen = aborted.length
  const client = await rawClient(edge.httpPort)
  client.socket.write(bare("POST", "/wait"))
  await expect.poll(() => aborted.length).toBe(seen + 1)
  client.socket.destroy()
  await left
})

it("A message for an MCP endpoint without a body is answered at once", async () => {
  gate.mcp({})
  const head = `Host: mcp.example.com\r\nAuthorization: Bearer ${gate.token({})}\r\nContent-Type: application/json\r\n`
  const answer = await rawExchange(gate.edge.httpPort, `POST /mcp HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)
  expect(statuses(answer)).toEqual([400])
  expect(answer).toContain("-32700")
})
