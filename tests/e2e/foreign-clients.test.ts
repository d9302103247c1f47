import { type FixtureServer, fixtureServer } from "../support/conformance/fixture-server.ts"
import { type ProtectedServer, protectedServer } from "../support/protected-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { agent, browser } from "../support/browser.ts"
import { foreignEnvironment, foreignProgram } from "../support/foreign-program.ts"
import { mkdtempSync, rmSync } from "node:fs"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { fetch } from "undici"
import { freePort } from "../support/ports.ts"
import { join } from "node:path"
import { tmpdir } from "node:os"

let fixture: FixtureServer
let gate: ProtectedServer
let home: string

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "gatehouse-clients-"))
  fixture = await fixtureServer({ believing: false, hosts: ["mcp.localhost"] })
  gate = await protectedServer(new URL(fixture.url).origin)
})

afterAll(async () => {
  await gate?.stop()
  await fixture?.stop()
  rmSync(home, { recursive: true, force: true })
})

/** A home of its own: these programs keep what they registered and got. */
const environment = (folder: string) => ({
  ...foreignEnvironment(gate.caFile),
  HOME: join(home, folder),
  MCP_REMOTE_CONFIG_DIR: join(home, folder),
  MCP_INSPECTOR_SECRET_STORE: "memory",
})

/** What a person does whom a program sends to a URL, back to the program's own listener. */
async function approve(url: string): Promise<void> {
  const person = browser(agent(gate.ca))
  const consent = await person.fetch(url)
  expect(consent.status).toBe(200)
  const decided = await person.submit(consent, { decision: "allow" })
  const done = await person.submit(await person.fetch(decided.location!), { token: gate.person })
  expect(done.status).toBe(303)
  expect((await fetch(done.location!)).status).toBe(200)
}

const clients = async () =>
  (await gate.node.api<{ clients: { client_name: string; token_count: number }[] }>("GET", "/api/v1/oauth/clients"))
    .body.clients

describe("mcp-remote", () => {
  const remote = "mcp-remote/dist/proxy.js"
  const visit = /visiting:\s+(https:\/\/\S+)\n/
  const enterCode = /visit:\s+(?:\[\d+\]\s+)?(https:\/\/\S+\?user_code=(\S+))\n/

  /** A program that speaks MCP on standard input and output, as desktop applications start mcp-remote. */
  async function throughRemote(
    folder: string,
    args: readonly string[],
    asks: RegExp,
    act: (...found: string[]) => Promise<void>,
  ) {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [join(import.meta.dirname, "../../node_modules", remote), gate.url, ...args],
      env: environment(folder),
      stderr: "pipe",
    })
    let printed = ""
    let told = false
    const failed = new AbortController()
    transport.stderr!.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      const found = asks.exec(printed)
      if (told || found === null) return
      told = true
      act(...found.slice(1)).catch((error: unknown) => failed.abort(error))
    })
    const client = new Client({ name: "desktop", version: "1" })
    await client.connect(transport, { signal: failed.signal })
    const result = await client.callTool({ name: "test_simple_text", arguments: {} })
    await client.close()
    return result.content
  }

  const none = () => Promise.reject(new Error("nobody is to be asked"))
  const sentence = [{ type: "text", text: "A plain sentence" }]

  it("registers, sends its person through the sign-in, and brings tools to a program on standard input", async () => {
    expect(await throughRemote("remote", [], visit, approve)).toEqual(sentence)
    expect((await clients()).map(({ client_name }) => client_name)).toContain("MCP CLI Proxy")
  })

  it("needs nobody the second time", async () => {
    expect(await throughRemote("remote", [], visit, none)).toEqual(sentence)
  })

  it("signs in by a device code", async () => {
    const enter = async (url: string, code: string) => {
      const person = browser(agent(gate.ca))
      const asked = await person.submit(await person.fetch(url), { user_code: code })
      const decided = await person.submit(asked, { decision: "allow" })
      const done = await person.submit(await person.fetch(decided.location!), { token: gate.person })
      expect(done.text).toContain("Access granted")
    }
    expect(await throughRemote("device", ["--device-code"], enterCode, enter)).toEqual(sentence)
  })

  it("acts for itself with credentials that an administrator made", async () => {
    const made = await gate.node.api<{ client_id: string; client_secret: string }>("POST", "/api/v1/oauth/clients", {
      client_name: "Nightly job",
      grant_types: ["client_credentials"],
      token_endpoint_auth_method: "client_secret_basic",
      scope: "mcp:read mcp:write",
    })
    expect(made.status).toBe(201)
    const { client_id, client_secret } = made.body
    const info = JSON.stringify({ client_id, client_secret })
    expect(
      await throughRemote("machine", ["--client-credentials", "--static-oauth-client-info", info], visit, none),
    ).toEqual(sentence)
  })
})

describe("the Inspector on the command line", () => {
  const inspector = "@modelcontextprotocol/inspector/clients/cli/build/index.js"
  const call = ["--method", "tools/call", "--tool-name", "test_simple_text", "--format", "json"]

  it.each(["legacy", "auto", "modern"])("calls a tool with a token, in the %s era", async (era) => {
    const header = ["--header", `Authorization: Bearer ${await gate.accessToken()}`]
    const run = foreignProgram(inspector, [gate.url, ...call, ...header, "--protocol-era", era], environment("token"))
    expect(JSON.parse(await run.ended(0))).toMatchObject({ result: { content: [{ text: "A plain sentence" }] } })
  })

  it("says that it must sign in, where it must", async () => {
    const run = foreignProgram(inspector, [gate.url, ...call, "--stored-auth-only"], environment("nobody"))
    await run.printed(/auth_required/)
  })

  it.each(["legacy", "modern"])("signs its person in by itself, in the %s era", async (era) => {
    const callback = ["--callback-url", `http://127.0.0.1:${await freePort()}/oauth/callback`]
    const args = [gate.url, ...call, ...callback, "--protocol-era", era]
    const run = foreignProgram(inspector, args, { ...environment(era), MCP_AUTO_OPEN_ENABLED: "true" })
    await approve(await run.printed(/(https:\/\/\S+\/authorize\?\S+)\s/))
    expect(JSON.parse(await run.ended(0))).toMatchObject({ result: { content: [{ text: "A plain sentence" }] } })
  })
})
