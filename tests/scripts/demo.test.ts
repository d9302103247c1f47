import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it, vi } from "vitest"
import { type Copy, newCopy } from "../support/copy.ts"

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

const hosts = "127.0.0.1 localhost\n"
let copy: Copy
let file: string

beforeAll(async () => {
  copy = await newCopy()
  file = join(copy.folder, "hosts")
  writeFileSync(file, hosts)
  await copy.stack("up")
})
afterAll(async () => {
  await copy.script("demo.ts", "down", `--hosts=${file}`)
  await copy.remove()
})

const names = async (path: string, collection: string, key: string) => {
  const { body } = await copy.api<Record<string, Record<string, string>[]>>("GET", `/api/v1/${path}`)
  return body[collection]!.map((item) => item[key])
}

it("ends with the answer of a real MCP server, got by the official client through OAuth", async () => {
  const { output, errors, code } = await copy.script("demo.ts", "up", "--yes", `--hosts=${file}`)
  expect(errors).toBe("")
  expect(code).toBe(0)
  expect(output.trimEnd()).toMatch(/13 tools; get-sum with a=19 and b=23 answered: The sum of 19 and 23 is 42\.$/)
  expect(output).toContain(
    `claude mcp add --transport http gatehouse-demo https://mcp.localhost:${copy.env["HTTPS_PORT"]}/mcp`,
  )
  expect(readFileSync(join(copy.env["GATEHOUSE_HOME"]!, "demo-ca.pem"), "utf8")).toContain("BEGIN CERTIFICATE")
})

it("changes the hosts file only when told to, and listens on loopback alone", async () => {
  const before = readFileSync(file, "utf8")
  writeFileSync(file, hosts)
  const { output, code } = await copy.script("demo.ts", "up", `--hosts=${file}`)
  expect(code).toBe(0)
  // Where *.localhost resolves by itself there is nothing to say.
  if (before !== hosts) expect(output).toContain("127.0.0.1 mcp.localhost auth.localhost")
  expect(readFileSync(file, "utf8")).toBe(hosts)
  const port = readFileSync(join(copy.env["GATEHOUSE_HOME"]!, "run/demo.port"), "utf8")
  const listening = readFileSync("/proc/net/tcp", "utf8") + readFileSync("/proc/net/tcp6", "utf8")
  const hex = Number(port).toString(16).toUpperCase().padStart(4, "0")
  const listeners = [...listening.matchAll(new RegExp(`: (\\w+):${hex} \\w+:0000 0A`, "g"))].map(
    ([, address]) => address,
  )
  expect(listeners).toEqual(["0100007F"])
})

it("is what the recipes for trying a running Gatehouse work on", async () => {
  expect(await copy.script("try.ts", "auth")).toMatchObject({ code: 0, errors: "" })
  expect(await copy.script("try.ts", "auth", "acm_wrong")).toMatchObject({ code: 1 })
  const flow = await copy.script("try.ts", "auth-flow", "mcp.localhost")
  expect(flow).toMatchObject({ code: 0, errors: "" })
  expect(flow.output).toContain("the challenge names the resource metadata")
  expect((await copy.script("try.ts", "mcp", "mcp.localhost")).output).toContain("get-sum")
  const missing = await copy.script("try.ts", "mcp", "other.localhost")
  expect(missing).toMatchObject({ code: 1 })
  expect(missing.errors).toContain("404")
  expect(await names("tokens", "tokens", "name")).toEqual(expect.not.arrayContaining([expect.stringMatching(/^try-/)]))
})

it("goes away without a trace", async () => {
  writeFileSync(file, `${hosts}127.0.0.1 mcp.localhost auth.localhost # added by the Gatehouse demo\n`)
  expect((await copy.script("demo.ts", "down", `--hosts=${file}`)).output).toBe("The demo is gone.\n")
  expect(readFileSync(file, "utf8")).toBe(hosts)
  expect(await names("tokens", "tokens", "name")).toEqual(["ADMIN"])
  expect(await names("proxy/targets", "targets", "hostname")).toEqual([])
  expect(await names("certificates", "certificates", "cert_name")).not.toContain("demo")
})
