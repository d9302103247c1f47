import { type ChildProcess, execFile, spawn } from "node:child_process"
import { type Copy, newCopy } from "../support/copy.ts"
import { type McpServer, startMcpServer } from "../support/mcp-server.ts"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { eventually } from "../support/gatehouse.ts"
import { join } from "node:path"
import { once } from "node:events"
import { recipes } from "../../src/cli/recipe-table.ts"
import { specifiedRecipes } from "./surface.ts"

// A whole copy is started four times; on a busy machine of two cores that takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const root = join(import.meta.dirname, "../..")
const program = join(root, "node_modules/.bin/just")
const used = new Set<string>()
let copy: Copy
let mcp: McpServer
beforeAll(async () => {
  ;[copy, mcp] = [await newCopy({ TARGET_ALLOW_CIDRS: "127.0.0.0/8" }), await startMcpServer()]
})
afterAll(async () => {
  await copy?.remove()
  await mcp?.stop()
})

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs the real `just`. */
function just(...args: string[]): Promise<Ran> {
  used.add(args[0]!)
  return new Promise((resolve) => {
    execFile(program, args, { cwd: root, env: copy.env, timeout: 110_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
    )
  })
}

/** Runs one that goes on until it is told to end. @returns what it has printed when `pattern` was there */
async function following(pattern: RegExp, args: readonly string[], input = "", env = copy.env): Promise<string> {
  used.add(args[0]!)
  const child: ChildProcess = spawn(program, args, { cwd: root, env, detached: true })
  const ended = once(child, "exit")
  let printed = ""
  for (const stream of [child.stdout!, child.stderr!])
    stream.on("data", (chunk: Buffer) => (printed += chunk.toString()))
  if (input !== "") child.stdin!.end(input)
  try {
    await eventually(`${args.join(" ")} prints ${pattern}`, async () => pattern.test(printed), 60_000)
  } catch (error) {
    throw new Error(printed, { cause: error })
  } finally {
    if (child.exitCode === null) process.kill(-child.pid!, "SIGTERM")
    await ended
  }
  return printed
}

const done = expect.objectContaining({ code: 0 }) as Ran

describe("the recipes of the system, through just", () => {
  it("set a copy up, start it and tell how it is", async () => {
    expect(await just("setup")).toEqual(done)
    expect(Object.keys(copy.secrets())).toContain("ADMIN_TOKEN")
    const up = await just("up")
    expect(up, up.err).toEqual(done)
    expect(up.out).toContain("Gatehouse is ready.")
    expect((await just("help")).out).toContain("token-generate")
    expect(JSON.parse((await just("health")).out)).toMatchObject({ status: "healthy" })
    expect((await just("web-ui")).out).toBe(`http://localhost:${copy.env["API_PORT"]}/\n`)
    expect((await just("redis-cli", "ping")).out).toBe("PONG\n")
    expect(await following(/seen-42/, ["shell"], "echo seen-$((40 + 2))\n")).toContain("seen-42")
    await following(/"event":"/, ["logs"])
  })

  it("manage it: one recipe of each group, with its arguments in their places", async () => {
    expect(JSON.parse((await just("token-generate", "alice", "")).out)).toMatchObject({
      name: "alice",
      cert_email: null,
    })
    expect(JSON.parse((await just("cert-create", "one", "one.test", "", "alice")).out)).toMatchObject({
      cert_name: "one",
    })
    const target = ["mcp.localhost", mcp.url, "ADMIN"]
    expect(JSON.parse((await just("proxy-create", ...target)).out)).toMatchObject({ certificate_status: "started" })
    const route = await just(
      "route-create",
      "/v[12]/.*",
      "url",
      mcp.url,
      "ADMIN",
      "60",
      "GET",
      "is-regex",
      'it\'s "one" $HOME',
    )
    expect(JSON.parse(route.out)).toMatchObject({
      path_pattern: "/v[12]/.*",
      priority: 60,
      description: 'it\'s "one" $HOME',
    })
    expect(JSON.parse((await just("instance-register", "db", mcp.url, "ADMIN")).out)).toMatchObject({ name: "db" })
    expect(JSON.parse((await just("service-list")).out)).toMatchObject({ services: [] })
    expect(JSON.parse((await just("oauth-clients-list")).out)).toMatchObject({ clients: [] })
    expect(await just("proxy-delete", "none.test", "ADMIN")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^not_found: /),
    })
    expect(await just("token-delete", "alice")).toMatchObject({ code: 3 })
  })

  it("try it as a client would", async () => {
    expect(await just("proxy-auth-enable", "mcp.localhost", "ADMIN", "auth.localhost", "forward")).toEqual(done)
    expect(await just("proxy-mcp-enable", "mcp.localhost", "ADMIN")).toEqual(done)
    expect(await just("cert-status", "proxy-mcp-localhost", "ADMIN", "wait")).toEqual(done)
    expect((await just("test-auth")).out).toContain("it belongs to ADMIN, an administrator")
    expect(await just("test-auth", "acm_wrong")).toMatchObject({ code: 1 })
    const flow = await just("test-auth-flow", "mcp.localhost")
    expect(flow, flow.err).toEqual(done)
    const called = await just("test-proxy-mcp", "mcp.localhost")
    expect(called.out, called.err).toMatch(/tools: .*get-sum/)
    expect(await just("test-proxy-mcp", "none.localhost")).toMatchObject({ code: 1 })
  })

  it("make secrets, start anew and end, and the data stays", async () => {
    const before = copy.secrets()["ADMIN_TOKEN"]
    expect(await just("generate-admin-token")).toMatchObject({ code: 3 })
    expect(await just("generate-admin-token", "--yes")).toEqual(done)
    expect(copy.secrets()["ADMIN_TOKEN"]).not.toBe(before)
    expect(await just("generate-oauth-key")).toMatchObject({ code: 3 })
    expect(await just("generate-oauth-key", "--yes")).toEqual(done)
    expect(await just("restart")).toEqual(done)
    expect((await just("token-list")).out).toContain('"alice"')
    expect(await just("rebuild")).toEqual(done)
    expect((await just("down")).out).toContain("Gatehouse is down; its data stays.")
    await following(/"event":"(ready|started|serving)|listening/, ["dev"])
    expect(await just("health")).toMatchObject({ code: 5 })
  })

  it("check and build what is here", async () => {
    const planned = async (name: string) => (await just("--dry-run", name)).err
    expect(await planned("lint")).toMatch(/oxfmt --check\n *oxlint\n *tsc -p \.\n *knip/)
    expect(await planned("docs-build")).toContain("vitepress build docs")
    expect(await planned("test")).toContain('node scripts/test.ts "$@"')
    expect(await planned("test-all")).toContain('node scripts/test.ts "$@"')
    for (const name of ["lint", "docs-build", "test", "test-all"]) used.add(name)
  })

  it("are all that the specification names beside those of the API and those that select tests", () => {
    const managed = new Set(recipes.map(({ name }) => name))
    const others = specifiedRecipes.filter((name) => !managed.has(name) && !/^(test|mcp-test)-/.test(name))
    expect(others.filter((name) => !used.has(name))).toEqual([])
  })
})
