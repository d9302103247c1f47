import { Client, StreamableHTTPClientTransport as Transport } from "@modelcontextprotocol/client"
import { beforeAll, describe, expect, it } from "vitest"
import { alice, as, base, engine, node, servicesNode } from "./services-node.ts"
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { agent } from "../support/browser.ts"
import { fetch } from "undici"
import { makeMcpBridgeImage } from "../support/container-engine.ts"
import { mcpLogin } from "../support/mcp-login.ts"
import { run } from "../../src/cli/run.ts"

servicesNode()
const everything = "/srv/node_modules/@modelcontextprotocol/server-everything/dist/index.js"
let roots: string[] = []

beforeAll(() => makeMcpBridgeImage(engine))

/** `just service-create-mcp …` at a terminal. */
async function createMcp(...words: string[]): Promise<{ code: number; out: string; told: string }> {
  let [out, told] = ["", ""]
  const code = await run(["service-create-mcp", ...words], {
    env: node.env,
    interactiveInput: false,
    interactiveOutput: true,
    write: (text) => void (out += text),
    error: (text) => void (told += text),
    ask: () => Promise.reject(new Error("nobody is there")),
  })
  return { code, out, told }
}

const address = (name: string) => new URL(`https://${name}.services.test:${node.httpsPort}/mcp`)

/** Signs in, as the SDK's clients do. @returns makes transports that are signed in */
async function signIn(url: URL) {
  const login = mcpLogin(roots, alice)
  const connect = () => new Transport(url, { authProvider: login.provider as never, fetch: login.fetch })
  const first = connect()
  await expect(new Client({ name: "e2e", version: "1" }).connect(first)).rejects.toThrow("Unauthorized")
  await first.finishAuth(login.callback().searchParams)
  return { login, connect }
}

describe("an MCP server from npm that speaks over stdio", () => {
  it("is one command away from a URL that works: somebody has signed in there already, and it answered", async () => {
    const { code, out, told } = await createMcp("tools", "GREETING=hello", "node", everything, "stdio")
    expect([code, told], told).toEqual([0, expect.stringMatching(/^tools: created from .*\ntools: /)])
    expect(told).toMatch(/tools: running\n.*proxy to tools\n.*certificate\n.*sign-in at auth\.services\.test\n/)
    expect(out.split("\n")[0]).toBe(address("tools").href)
    expect(out).toMatch(/server "mcp-servers\/everything" answers with revision "20/)
    const { body } = await node.api<{ fullchain_pem: string }>("GET", "/api/v1/certificates/proxy-tools-services-test")
    roots = [body.fullchain_pem.slice(body.fullchain_pem.lastIndexOf("-----BEGIN"))]
  })

  it("takes clients of both SDKs that sign in, and nobody else", async () => {
    const url = address("tools")
    expect((await fetch(url, { method: "POST", dispatcher: agent(roots) })).status).toBe(401)
    const { login, connect } = await signIn(url)
    const session = new Client({ name: "e2e", version: "1" })
    await session.connect(connect())
    expect((await session.listTools()).tools.map(({ name }) => name)).toContain("echo")
    const answer = await session.callTool({ name: "echo", arguments: { message: "over stdio" } })
    expect(JSON.stringify(answer.content)).toContain("over stdio")
    await session.close()
    const progress: number[] = []
    const older = new OlderClient({ name: "e2e", version: "1" })
    await older.connect(new OlderTransport(url, { authProvider: login.provider as never, fetch: login.fetch }))
    const call = { name: "trigger-long-running-operation", arguments: { duration: 0.3, steps: 3 } }
    await older.callTool(call, undefined, { onprogress: (step) => progress.push(step.progress) })
    expect(progress).toEqual([1, 2, 3])
    await older.close()
  })

  it("is gone on with when the command is repeated, and not mistaken for another", async () => {
    const again = await createMcp("tools", "node", everything, "stdio")
    expect([again.code, again.out.split("\n")[0]]).toEqual([0, address("tools").href])
    expect(again.told).toContain("there already")
    const other = await createMcp("tools", "node", "/another.js")
    expect([other.code, other.out, other.told]).toEqual([
      1,
      "",
      expect.stringMatching(/^already_exists: .*service-delete tools\n$/),
    ])
  })
})

describe("an MCP server of both eras", () => {
  it("answers clients of 2026-07-28 and of the era before", async () => {
    expect((await createMcp("both", "GREETING=hello", "node", "/srv/both.ts")).code).toBe(0)
    const { connect } = await signIn(address("both"))
    for (const versionNegotiation of [{ mode: { pin: "2026-07-28" } }, undefined]) {
      const client = new Client({ name: "e2e", version: "1" }, versionNegotiation && { versionNegotiation })
      await client.connect(connect())
      expect(client.getNegotiatedProtocolVersion()).toBe(versionNegotiation ? "2026-07-28" : "2025-11-25")
      const answer = await client.callTool({ name: "echo", arguments: { message: "so it says" } })
      expect(JSON.stringify(answer.content)).toContain("so it says hello")
      await client.close()
    }
  })
})

describe("a command that is none", () => {
  it("is told with what the container said, and everything can be tried again or removed", async () => {
    const { code, out, told } = await createMcp("broken", "node", "/nowhere.js")
    expect([code, out]).toEqual([1, ""])
    expect(told).toMatch(/broken: .*\nThe last lines of broken:\n/)
    expect(told).toContain("Child exited: code=1")
    expect((await node.api("DELETE", `${base}/broken?force=true`)).status).toBe(200)
    expect((await node.api("GET", "/api/v1/proxy/targets/broken.services.test")).status).toBe(404)
  })

  it("of somebody who may not run the bridge's image is refused before anything is made", async () => {
    const { code, told } = await createMcp("mine", "node", "x.js", `--token=${alice}`)
    expect([code, told]).toEqual([1, expect.stringMatching(/^image_not_allowed: /)])
    expect((await as(alice, "GET", `${base}/mine`)).status).toBe(404)
  })
})
