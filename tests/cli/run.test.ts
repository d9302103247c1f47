import { type RunningApi, issue, runningApi } from "../api/running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { commandLine } from "./running-cli.ts"
import { freePort } from "../support/ports.ts"
import { join } from "node:path"
import { promisify } from "node:util"
import { execFile } from "node:child_process"

let api: RunningApi
let cli: ReturnType<typeof commandLine>
let alice: string
beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
  alice = await api.token("alice")
})
afterAll(() => api.stop())

const target = "http://93.184.216.34:3000"

describe("output", () => {
  test("is the API's body unchanged when it is piped or asked for, and a table on a terminal", async () => {
    const { body } = await api.call("GET", "/api/v1/tokens/info")
    expect((await cli(["getTokenInfo"])).out).toBe(`${JSON.stringify(body)}\n`)
    expect((await cli(["getTokenInfo", "--output", "json"], { tty: true })).json()).toEqual(body)
    expect((await cli(["getTokenInfo"], { tty: true })).out).toMatch(/^name: +ADMIN$/m)
    expect((await cli(["token-list", "--output=table"])).out).toMatch(/^NAME +CERT_EMAIL/)
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

describe("token recipes", () => {
  test("generate, show, list, change and delete", async () => {
    const made = await cli(["token-generate", "made"], { env: { ADMIN_EMAIL: "boss@example.com" } })
    expect(made.json()).toMatchObject({ name: "made", cert_email: "boss@example.com" })
    expect(
      (await cli(["token-generate", "mailless", ""], { env: { ADMIN_EMAIL: "boss@example.com" } })).json()[
        "cert_email"
      ],
    ).toBeNull()
    const shown = await cli(["token-show", "made"])
    expect(shown.json()["token"]).toBe(made.json()["token"])
    await cli(["token-email-update", "made", "new@example.com"])
    expect((await cli(["getToken", "--name", "made"])).json()["cert_email"]).toBe("new@example.com")
    const unsure = await cli(["token-delete", "made"], { answers: ["n"] })
    expect([unsure.code, unsure.err]).toEqual([
      3,
      expect.stringContaining("made will be deleted, and with it: nothing else"),
    ])
    expect((await cli(["token-delete", "made"], { answers: ["y"] })).code).toBe(0)
    expect((await cli(["token-delete", "made", "--yes"])).code).toBe(1)
  })

  test("ask before a value stands on a terminal", async () => {
    const shown = await cli(["token-show", "alice"], { tty: true, answers: ["no"] })
    expect([shown.code, shown.out]).toEqual([3, ""])
    expect((await cli(["token-show", "alice"], { tty: true, answers: ["yes"] })).out).toContain(alice)
  })

  test("show the certificates of one token or of all", async () => {
    await cli(["cert-create", "listed", "listed.test", "", "alice"])
    const one = (await cli(["token-show-certs", "alice"])).json<{ certificates: { cert_name: string }[] }>()
    expect(one.certificates.map(({ cert_name }) => cert_name)).toEqual(["listed"])
    const every = (await cli(["token-show-certs"])).json<{ certificates: object[] }>()
    expect(every.certificates).toContainEqual(expect.objectContaining({ token: "alice", cert_name: "listed" }))
  })
})

describe("certificate recipes", () => {
  test("create, wait, show and delete", async () => {
    const created = await cli(["cert-create", "shop", "shop.test", "", "alice"], { tty: true })
    expect([created.code, created.err]).toEqual([0, "follow it with: just cert-status shop\n"])
    const waiting = cli(["cert-status", "shop", "alice", "wait"])
    const key = await issue(api, "shop")
    expect((await waiting).json()).toMatchObject({ status: "active" })
    expect((await cli(["cert-list", "alice"])).json<{ certificates: object[] }>().certificates).toHaveLength(2)
    const chain = await cli(["cert-show", "shop", "alice", "pem"])
    expect(chain.out).toMatch(/^-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----\n$/)
    expect((await cli(["cert-show", "shop", "alice", "key"])).code).toBe(3)
    expect((await cli(["cert-show", "shop", "alice", "key", "--yes"])).out).toContain(key)
    expect((await cli(["cert-show", "shop", "alice", "pem=nonsense"])).code).toBe(2)
    expect((await cli(["cert-coverage", "shop"])).json()["uncovered_domains"]).toEqual(["shop.test"])
    const unsure = await cli(["cert-delete", "shop", "alice"])
    expect([unsure.code, unsure.err]).toEqual([3, expect.stringContaining("shop and its key will be deleted")])
    expect((await cli(["cert-delete", "shop", "alice", "force"])).code).toBe(0)
  })

  test("wait for what they began, at most as long as they are told", async () => {
    const late = await cli(["cert-create", "late", "late.test", "", "ADMIN", "--wait", "--timeout", "1"])
    expect([late.code, late.out, late.err]).toEqual([4, "", "timed_out: not done after 1 s; it goes on\n"])
    expect((await cli(["cert-status", "late", "", "true", "--timeout", "0"])).code).toBe(4)
    await issue(api, "late")
    const renewed = cli(["cert-renew", "late", "ADMIN", "true", "--wait"])
    await expect
      .poll(() => api.projections.world.objects.certificate.get("late")!.state.generation.state)
      .toBe("accepted")
    await issue(api, "late")
    expect((await renewed).json()).toMatchObject({ status: "active" })
    expect((await cli(["cert-renew", "late", "ADMIN"])).json()["renewed"]).toBe(false)
  })

  test("that wait fail when the work fails for good", async () => {
    const failing = cli(["cert-create", "failing", "failing.example.com", "a@example.com", "ADMIN", "--wait"])
    await expect.poll(() => api.projections.world.objects.certificate.has("failing")).toBe(true)
    const { acme_directory_url: directory_url } = api.projections.world.objects.certificate.get("failing")!.state
    await api.report("StartAttempt", { cert_name: "failing", directory_url })
    await api.report("RecordAttemptFailed", {
      cert_name: "failing",
      step: "order",
      code: "acme_refused",
      detail: "no",
      next_attempt_at: null,
    })
    const { code, err } = await failing
    expect([code, err]).toEqual([1, "acme_refused: no\n"])
  })

  test("ask for several names, or a wildcard, and explain what a public CA needs", async () => {
    const multi = await cli(["cert-create-multi", "multi", "m1.test, m2.test m3.test", "", "alice"])
    expect(multi.json()["domains"]).toEqual(["m1.test", "m2.test", "m3.test"])
    expect((await cli(["cert-create-wildcard", "wild", "wild.test", "", "alice"])).json()["domains"]).toEqual([
      "*.wild.test",
      "wild.test",
    ])
    const refused = await cli(["cert-create-wildcard", "wild2", "example.com", "a@example.com", "alice"])
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("cert-create-multi")])
    const staged = await cli(["cert-create", "staged", "staged.example.com", "a@example.com", "alice", "staging"])
    expect(staged.code).toBe(0)
    expect((await cli(["cert-show", "staged"])).json()["environment"]).toBe("staging")
    expect((await cli(["cert-to-production", "wild"])).err).toMatch(/^invalid_state: /)
  })
})

describe("proxy recipes", () => {
  test("create, change, switch, show and delete", async () => {
    const created = await cli(["proxy-create", "web.internal", target, "alice", "false", "no"])
    expect(created.json()).toMatchObject({
      certificate_status: "started",
      proxy_target: { preserve_host_header: false, owner: "alice" },
    })
    const updated = await cli(["proxy-update", "web.internal", "alice", 'custom_headers={"X-A":"b"}', "enable-http=no"])
    expect(updated.json()).toMatchObject({ custom_headers: { "X-A": "b" }, enable_http: false })
    expect((await cli(["proxy-update", "web.internal", "alice"])).code).toBe(2)
    expect((await cli(["proxy-update", "web.internal", "alice", "colour=red"])).err).toMatch(
      /^validation_failed: colour/,
    )
    expect((await cli(["proxy-update", "web.internal", "alice", "enabled=true", "--if-match", "1"])).err).toMatch(
      /^precondition_failed/,
    )
    expect((await cli(["proxy-disable", "web.internal", "alice"])).json()["enabled"]).toBe(false)
    expect((await cli(["proxy-enable", "web.internal", "alice"])).json()["enabled"]).toBe(true)
    expect((await cli(["proxy-show", "web.internal"])).json()["hostname"]).toBe("web.internal")
    expect((await cli(["proxy-list", "alice"], { tty: true })).out).toContain("web.internal")
    const unsure = await cli(["proxy-delete", "web.internal", "alice", "delete-cert"], { answers: [""] })
    expect([unsure.code, unsure.err]).toEqual([
      3,
      expect.stringContaining("and the certificate proxy-web-internal will be deleted"),
    ])
    expect((await cli(["proxy-delete", "web.internal", "alice", "true", "--yes"])).json()["deleted_certificate"]).toBe(
      "proxy-web-internal",
    )
  })

  test("get a certificate, or attach one; one that does not cover the host is asked for", async () => {
    await cli(["proxy-create", "shop.internal", target, "alice", "enable-https=false"])
    expect((await cli(["proxy-cert-generate", "shop.internal", "alice"])).json()["cert_name"]).toBe(
      "proxy-shop-internal",
    )
    await cli(["cert-create", "other", "other.internal", "", "alice"])
    const mismatch = await cli(["proxy-cert-attach", "shop.internal", "other", "alice"])
    expect([mismatch.code, mismatch.err]).toEqual([3, expect.stringContaining("other does not cover shop.internal")])
    expect((await cli(["proxy-cert-attach", "shop.internal", "other", "alice", "--yes"])).json()["cert_name"]).toBe(
      "other",
    )
    expect(
      (await cli(["proxy-cert-attach", "shop.internal", "proxy-shop-internal", "alice"])).json()["cert_name"],
    ).toBe("proxy-shop-internal")
  })

  test("create a group with one certificate, again and again, but not over others", async () => {
    const first = await cli(["proxy-create-group", "app", "a.app.internal,b.app.internal", target, "alice"])
    const actions = (ran: typeof first) =>
      ran.json<{ targets: { action: string; cert_name: string }[] }>().targets.map(({ action }) => action)
    expect(actions(first)).toEqual(["created", "created"])
    const { position } = await api.store.head()
    expect(actions(await cli(["proxy-create-group", "app", "a.app.internal b.app.internal", target, "alice"]))).toEqual(
      ["updated", "updated"],
    )
    expect((await api.store.head()).position).toBe((await revealsAfter(position)) + position)
    const other = await cli(["proxy-create-group", "app", "a.app.internal c.app.internal", target, "alice"])
    expect([other.code, other.err]).toEqual([1, expect.stringContaining("+c.app.internal -b.app.internal")])
    await cli(["proxy-create", "foreign.internal", target, "ADMIN"])
    const foreign = await cli(["proxy-create-group", "mix", "x.internal foreign.internal", target, "alice"])
    expect([foreign.code, foreign.err]).toEqual([
      1,
      expect.stringMatching(/^not_owner: nothing was changed.*foreign\.internal/),
    ])
    expect((await cli(["proxy-show", "x.internal"])).code).toBe(1)
    expect((await cli(["proxy-create-group", "one", "x.internal", target, "alice"])).code).toBe(2)
  })

  test("protect a proxy and keep its restrictions unless told otherwise", async () => {
    await cli(["proxy-create", "guarded.internal", target, "alice"])
    const early = await cli(["proxy-auth-config", "guarded.internal", "alice", "ann"])
    expect([early.code, early.err]).toEqual([1, expect.stringContaining("proxy-auth-enable")])
    const enabled = await cli(["proxy-auth-enable", "guarded.internal", "alice", "auth.localhost", "forward"])
    expect(enabled.json()["proxy_target"]).toMatchObject({ auth_enabled: true, auth_mode: "forward" })
    await cli(["proxy-auth-config", "guarded.internal", "alice", "ann, bob", "groups=staff"])
    await cli(["proxy-auth-enable", "guarded.internal", "alice", "auth.localhost", "passthrough"])
    expect((await cli(["proxy-auth-show", "guarded.internal"])).json()).toMatchObject({
      auth_mode: "passthrough",
      auth_required_users: ["ann", "bob"],
      auth_required_emails: null,
      auth_required_groups: ["staff"],
    })
    const dropping = await cli(["proxy-auth-config", "guarded.internal", "alice", "users=ann"])
    expect([dropping.code, dropping.err]).toEqual([3, expect.stringContaining("auth_required_groups")])
    expect((await cli(["proxy-auth-config", "guarded.internal", "alice", "users=ann", "--yes"])).code).toBe(0)
    await cli(["proxy-auth-disable", "guarded.internal", "alice"])
    expect((await cli(["proxy-auth-show", "guarded.internal"])).json()).toEqual({ auth_enabled: false })
  })

  test("make a proxy an MCP resource", async () => {
    await cli(["proxy-create", "tools.internal", target, "alice"])
    const enabled = await cli(["proxy-mcp-enable", "tools.internal", "alice", "", "mcp:read,x:y", "stateful"])
    expect(enabled.json()).toMatchObject({ resource: "https://tools.internal:8443/mcp" })
    expect((await cli(["proxy-mcp-show", "tools.internal"])).json()).toMatchObject({
      mcp_scopes: ["mcp:read", "x:y"],
      mcp_stateful: true,
    })
    await cli(["proxy-mcp-disable", "tools.internal", "alice"])
    expect((await cli(["proxy-mcp-show", "tools.internal"])).json()).toEqual({ mcp_enabled: false })
  })
})

/** Events after a position, all of which must be reveals: a token named by its name is revealed each time. */
async function revealsAfter(position: number): Promise<number> {
  const events = await api.store.read(position, 100)
  expect(events.every(({ type }) => type === "TokenRevealed")).toBe(true)
  return events.length
}

describe("operations", () => {
  test("take their parameters as flags, and ask before they delete", async () => {
    const created = await cli([
      "createCertificate",
      "--domain",
      "op.internal",
      "--cert-name",
      "op",
      "--key-type",
      "ecdsa-p256",
    ])
    expect(created.json()["cert_name"]).toBe("op")
    expect((await cli(["deleteCertificate", "--cert-name", "op"])).code).toBe(3)
    expect((await cli(["deleteCertificate", "--cert-name", "op", "--yes"])).code).toBe(0)
    expect(
      (await cli(["listEvents", "--type", "CertificateDeleted", "--page", "1"])).json<{ events: object[] }>().events
        .length,
    ).toBeGreaterThan(0)
  })

  test("health says by its exit code whether all is well", async () => {
    const healthy = await cli(["health"])
    expect([healthy.code, healthy.json()["status"]]).toEqual([0, "healthy"])
    expect((await cli(["stats"])).json()["proxies"]).toBeDefined()
  })

  test("and recipes explain themselves", async () => {
    const all = (await cli(["--help"])).out
    expect(all).toContain("cert-create-wildcard")
    expect(all).toContain("getCertificateCoverage")
    expect((await cli(["proxy-mcp-enable", "--help"])).out).toMatch(
      /^just proxy-mcp-enable <hostname> <token> \[endpoint\]/,
    )
    const help = (await cli(["createProxy", "--help"])).out
    expect(help).toContain("POST /api/v1/proxy/targets")
    expect(help).toMatch(/--target-url {2}string, required/)
  })
})
