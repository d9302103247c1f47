import { describe, expect, test } from "vitest"
import { freePort } from "../support/ports.ts"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { promisify } from "node:util"
import { execFile } from "node:child_process"
import { cliWithOwner, api, cli, alice } from "./cli-with-owner.ts"

cliWithOwner()

describe("output", () => {
  test("is the API's body unchanged when it is piped or asked for, and a table on a terminal", async () => {
    const { body } = await api.call("GET", "/api/v1/tokens/info")
    expect((await cli(["getTokenInfo"])).out).toBe(`${JSON.stringify(body)}\n`)
    expect((await cli(["getTokenInfo", "--output", "json"], { tty: true })).json()).toEqual(body)
    expect((await cli(["getTokenInfo"], { tty: true })).out).toMatch(/^name: +ADMIN$/m)
    expect((await cli(["token-list", "--output=table"])).out).toMatch(/^NAME +IS_ADMIN +CERT_EMAIL/)
    expect((await cli(["token-list", "--output=xml"])).code).toBe(2)
  })

  test("of a list has all pages, unless one is asked for", async () => {
    for (const name of ["n1", "n2", "n3"]) await api.token(name)
    const all = (await cli(["token-list", "--per-page", "2"])).json<{ tokens: object[]; pagination: object }>()
    expect(all.tokens).toHaveLength(5)
    expect(all.pagination).toEqual({ total: 5, page: 1, per_page: 5, pages: 1 })
    const one = (await cli(["listTokens", "--per-page", "2", "--page", "2"])).json<{
      tokens: object[]
      pagination: object
    }>()
    expect([one.tokens.length, one.pagination]).toEqual([2, { total: 5, page: 2, per_page: 2, pages: 3 }])
  })

  test("of an error is its code and text, on stderr", async () => {
    const { code, out, err } = await cli(["cert-show", "nothing"])
    expect([code, out, err]).toEqual([1, "", "not_found: there is no certificate nothing\n"])
    const many = await cli(["createToken", "--name", "x y", "--cert-email", "z"])
    expect(many.err).toMatch(/^validation_failed: .*\n {2}name: .*\n {2}cert_email: /)
  })
})

test("What others wrote cannot steer the terminal through an error or a question", async () => {
  const other = createServer((_request, response) => {
    response.writeHead(502, { "content-type": "application/problem+json" })
    response.end(JSON.stringify({ code: "bad", detail: "\u001b[2Jx\u202ey", references: ["\u009b31m"] }))
  }).listen(0, "127.0.0.1")
  await once(other, "listening")
  const env = { API_PORT: String((other.address() as AddressInfo).port) }
  expect((await cli(["token-list"], { env })).err).toBe("bad: ?[2Jx?y\n  ?31m\n")
  other.close()
  const asked = await cli(["deleteProxy", "--hostname", "a\u001b[2J"], { answers: ["n"] })
  expect([asked.code, asked.err]).toEqual([3, expect.not.stringContaining("\u001b")])
})

describe("exit codes", () => {
  test.each([
    [["nonsense"]],
    [["token-show"]],
    [["token-show", "a", "b"]],
    [["token-list", "--nonsense", "x"]],
    [["getToken"]],
    [["getToken", "x"]],
    [["cert-list", "--page"]],
  ])("%j is a usage error: 2", async (argv) => {
    const { code, err } = await cli(argv)
    expect([code, err]).toEqual([2, expect.stringMatching(/^usage: /)])
  })

  test("nobody answering is 5, a refused token 1", async () => {
    const gone = await cli(["token-list"], { env: { API_PORT: String(await freePort()) } })
    expect([gone.code, gone.err]).toEqual([5, expect.stringMatching(/^unreachable: .*ECONNREFUSED/)])
    const denied = await cli(["token-list"], { env: { ADMIN_TOKEN: "wrong-token-wrong-token" } })
    expect([denied.code, denied.err]).toEqual([1, expect.stringMatching(/^invalid_token: /)])
    expect((await cli(["token-list"], { env: { BASE_URL: "ftp://x" } })).code).toBe(2)
    expect((await cli(["token-list"], { env: { BASE_URL: `http://127.0.0.1:${api.port}`, API_PORT: "1" } })).code).toBe(
      0,
    )
  })

  test("of a real process are the same, and .env is read", async () => {
    const start = async (argv: string[], env: Record<string, string>) => {
      const program = join(import.meta.dirname, "../../src/cli.ts")
      const options = { env: { GATEHOUSE_ENV_FILE: "/dev/null", ...env } }
      return promisify(execFile)(process.execPath, [program, ...argv], options).then(
        ({ stdout }) => ({ code: 0, stdout, stderr: "" }),
        (error: { code: number; stdout: string; stderr: string }) => error,
      )
    }
    const env = { BASE_URL: `http://127.0.0.1:${api.port}`, ADMIN_TOKEN: api.adminToken }
    const listed = await start(["token-list"], env)
    expect([listed.code, Object.keys(JSON.parse(listed.stdout) as object)]).toEqual([0, ["tokens", "pagination"]])
    const unconfirmed = await start(["token-delete", "n1"], env)
    expect([unconfirmed.code, unconfirmed.stdout]).toEqual([3, ""])
    expect(unconfirmed.stderr).toContain("n1 will be deleted")
    expect((await start(["token-list"], {})).code).not.toBe(0)
  })
})

describe("a token argument", () => {
  const seen = async (argument: string) => (await cli(["getTokenInfo", "--token", argument])).json()["name"]

  test("is the administrator's when it is empty or ADMIN, a stored token by its name, or a value", async () => {
    expect(await seen("")).toBe("ADMIN")
    expect(await seen("ADMIN")).toBe("ADMIN")
    expect(await seen("Alice")).toBe("alice")
    expect(await seen(alice)).toBe("alice")
    const own = await cli(["getTokenInfo", "--token", alice], { env: { ADMIN_TOKEN: "wrong-token-wrong-token" } })
    expect(own.json()["name"]).toBe("alice")
  })

  test("is never printed and never in a URL", async () => {
    const { out, err } = await cli(["proxy-list", "alice"], { tty: true })
    expect(out + err).not.toContain(alice)
    const wrong = await cli(["proxy-list", "acm_some-wrong-value"])
    expect([wrong.code, wrong.err.includes("acm_some")]).toEqual([1, false])
  })
})
