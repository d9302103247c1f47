import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { commandLine } from "../../cli/running-cli.ts"

let api: RunningApi
let alice: string
let bob: string
let cli: ReturnType<typeof commandLine>
beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
  alice = await api.token("alice")
  bob = await api.token("bob")
  await call(
    "POST",
    targets,
    { hostname: "a.internal", target_url: "http://93.184.216.34", enable_https: false },
    alice,
  )
  await call("PUT", `${targets}/a.internal`, { target_url: "http://93.184.216.35" }, alice, {
    "x-reason": "moved%20%C3%BCber",
  })
  await call("PUT", `${targets}/a.internal`, { target_url: "http://93.184.216.36" }, bob)
  await call("PUT", `${targets}/a.internal`, { target_url: "http://93.184.216.35" }, alice)
})
afterAll(() => api.stop())

const targets = "/api/v1/proxy/targets"
const call = (method: string, path: string, body: unknown, token: string, headers = {}) =>
  api.call(method, path, body, headers, token)

interface Entries {
  entries: {
    status: string
    actor: string
    command: string
    code: string | null
    objects: string[]
    reason: string | null
    ip: string | null
  }[]
}
const audit = async (query = "", token?: string) => {
  const { status, body } = await api.call<Entries>("GET", `/api/v1/audit${query}`, undefined, {}, token)
  expect(status).toBe(200)
  conforming("listAudit", body)
  return body.entries
}

interface History {
  events: { type: string; actor: string; reason?: string; ip?: string; changes: object[] }[]
}
const history = (query: string, token?: string) =>
  api.call<History>("GET", `/api/v1/history?${query}`, undefined, {}, token)

describe("the history of an object", () => {
  test("tells of each event who, from where, why, and what it changed", async () => {
    const { status, body } = await history("kind=proxy&name=A.internal")
    expect(status).toBe(200)
    conforming("getHistory", body)
    expect(body.events).toMatchObject([
      { type: "ProxyCreated", actor: "alice", ip: "127.0.0.1" },
      {
        type: "ProxyUpdated",
        reason: "moved über",
        changes: [
          { path: "target_url", before: "http://93.184.216.34", after: "http://93.184.216.35" },
          { path: "updated_at" },
        ],
      },
    ])
    expect(body.events[0]!.changes).toContainEqual({ path: "hostname", after: "a.internal" })
  })

  test("is for its owner, without addresses, and for nobody else", async () => {
    const own = await history("kind=proxy&name=a.internal", alice)
    expect(own.body.events.map((event) => "ip" in event)).toEqual([false, false])
    for (const query of ["kind=proxy&name=a.internal", "kind=api-token&name=alice", "kind=log&name=log"])
      expect((await history(query, bob)).status, query).toBe(404)
    expect((await history("kind=proxy&name=nothing")).status).toBe(404)
    expect((await history("kind=nothing&name=x")).status).toBe(422)
  })
})

describe("the audit", () => {
  test("shows every command with its outcome, refused ones and those that changed nothing too", async () => {
    const entries = await audit("?object=proxy")
    expect(entries).toMatchObject([
      { status: "accepted", actor: "alice", objects: ["proxy/a.internal"], events: [] },
      { status: "rejected", actor: "bob", objects: ["proxy/a.internal"] },
      {
        status: "accepted",
        actor: "alice",
        command: "UpdateProxy",
        reason: "moved über",
        objects: ["proxy/a.internal"],
      },
      { status: "accepted", command: "CreateProxy" },
    ])
    expect(await audit("?status=rejected")).toMatchObject([
      { actor: "bob", code: "not_owner", ip: "127.0.0.1", objects: ["proxy/a.internal"] },
    ])
    expect(await audit("?actor=alice&order=asc")).toMatchObject([
      { command: "CreateProxy" },
      { command: "UpdateProxy" },
      { command: "UpdateProxy", objects: ["proxy/a.internal"] },
    ])
    for (const query of ["?ip=203.0.113.1", "?code=nothing", "?since=2999-01-01T00:00:00Z", "?command=X", "?from=9000"])
      expect(await audit(query), query).toEqual([])
    expect((await api.call("GET", "/api/v1/audit?status=queued")).status).toBe(422)
  })

  test("shows an owner what is about own objects and what they asked for themselves", async () => {
    const theirs = await audit("?per_page=100", bob)
    expect(theirs.map(({ actor, command, status }) => [actor, command, status])).toEqual([
      ["bob", "UpdateProxy", "rejected"],
      ["ADMIN", "CreateToken", "accepted"],
    ])
    expect(theirs.every(({ ip }) => ip === null)).toBe(true)
    expect((await audit("?actor=bob", alice)).length).toBe(0)
  })

  test("refuses a reason that is none", async () => {
    for (const reason of ["%ff", "x".repeat(257), "a%0Ab"])
      expect((await call("PUT", `${targets}/a.internal`, {}, alice, { "x-reason": reason })).status, reason).toBe(400)
  })
})

test("the recipes are made to be read", async () => {
  const shown = await cli(["history", "proxy", "a.internal"], { tty: true })
  expect(shown.out).toMatch(
    /^5 {2}\S+Z {2}ProxyUpdated by alice from 127\.0\.0\.1 \(UpdateProxy\)\n {4}because: moved über\n {4}~ target_url: /m,
  )
  const done = await cli(["who", "bob"], { tty: true })
  expect(done.out).toMatch(/^\S+Z {2}bob from 127\.0\.0\.1 {2}UpdateProxy: REJECTED not_owner: /)
  expect((await cli(["audit", "status=rejected"])).json<Entries>().entries).toHaveLength(1)
  expect((await cli(["audit", "status"])).code).toBe(2)
  await cli([
    "proxy-update",
    "a.internal",
    "ADMIN",
    "enable_http=false",
    "enable_https=true",
    "--reason",
    "no clear text",
  ])
  expect((await cli(["who", "ADMIN"], { tty: true })).out).toContain("because: no clear text")
  const tried = await cli(["whatif", "proxy-delete", "a.internal", "bob"], { tty: true })
  expect(tried.out).toContain("would be refused: not_owner")
  const allowed = await cli(["whatif", "deleteProxy", "--hostname", "a.internal", "--at", "4"], { tty: true })
  expect(allowed.out).toMatch(
    /state at position 4; nothing was changed\nevents:\n {2}ProxyDeleted proxy\/a\.internal\n/,
  )
  const proposed = await cli(["undo", "5"], { tty: true })
  expect([proposed.code, proposed.out]).toEqual([3, expect.stringContaining("update proxies a.internal")])
  expect((await cli(["undo", "5", "--yes"])).json<{ errors: object[] }>().errors).toEqual([])
  expect((await cli(["rebuild-projection"])).json()["equal"]).toBe(true)
  expect((await cli(["deadletters"], { tty: true })).out).toBe("no deadletters\n")
})
