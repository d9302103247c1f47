import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

let api: RunningApi
let alice: string
let bob: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
})
afterAll(() => api.stop())

const base = "/api/v1/instances"
const register = (name: string, extra: object = {}, token = alice) =>
  api.call("POST", base, { name, target_url: "93.184.216.34:3000", ...extra }, {}, token)

describe("registering an instance", () => {
  test("answers with the instance and where it is", async () => {
    const { status, headers, body } = await register("My-Db", { description: "d" })
    conforming("registerInstance", body)
    expect([status, headers.get("location")]).toEqual([201, `${base}/my-db`])
    expect(body).toMatchObject({
      name: "my-db",
      target_url: "http://93.184.216.34:3000",
      created_by: "alice",
      owner: "alice",
      used_by: [],
    })
  })

  test.each([
    ["a taken name", "my-db", {}, 409, "already_exists"],
    ["a reserved name", "api", {}, 422, "reserved_name"],
    ["a name of services", "docker-x", {}, 422, "reserved_name"],
    ["a name that is none", "no name", {}, 422, "validation_failed"],
    ["a private address", "x", { target_url: "http://192.168.1.1" }, 422, "forbidden_target"],
    ["another owner", "x", { owner: "bob" }, 403, "admin_required"],
  ])("is refused for %s", async (_, name, extra, status, code) => {
    const answer = await register(name, extra)
    expect([answer.status, answer.body["code"]]).toEqual([status, code])
  })
})

describe("an instance", () => {
  test("is listed for its owner, and the administrator's for everybody", async () => {
    await register("shared", {}, api.adminToken)
    const names = async (token: string) => {
      const { body } = await api.call("GET", base, undefined, {}, token)
      conforming("listInstances", body)
      return (body["instances"] as { name: string }[]).map(({ name }) => name)
    }
    expect(await names(alice)).toEqual(["my-db", "shared"])
    expect(await names(bob)).toEqual(["shared"])
    expect(await names(api.adminToken)).toEqual(["my-db", "shared"])
    expect((await api.call("GET", `${base}/shared`, undefined, {}, bob)).status).toBe(200)
    expect((await api.call("GET", `${base}/my-db`, undefined, {}, bob)).body["code"]).toBe("not_owner")
    expect((await api.call("GET", `${base}/none`, undefined, {}, bob)).status).toBe(404)
  })

  test("says what leads to it, and takes that along under another name", async () => {
    const route = { route_id: "r", path_pattern: "/r", target_type: "instance", target_value: "my-db" }
    await api.call("POST", "/api/v1/routes", route, {}, alice)
    const shown = await api.call("GET", `${base}/MY-DB`, undefined, {}, alice)
    conforming("getInstance", shown.body)
    expect(shown.body["used_by"]).toEqual(["r"])
    const put = (body: object, headers = {}, token = alice) => api.call("PUT", `${base}/my-db`, body, headers, token)
    expect((await put({ name: "shared" })).body["code"]).toBe("already_exists")
    expect((await put({ description: "x" }, {}, bob)).body["code"]).toBe("not_owner")
    expect((await put({ description: "x" }, { "if-match": '"1"' })).status).toBe(412)
    const renamed = await put({ name: "store", description: "new" }, { "if-match": shown.headers.get("etag")! })
    conforming("updateInstance", renamed.body)
    expect(renamed.body).toMatchObject({
      name: "store",
      description: "new",
      used_by: ["r"],
      created_at: shown.body["created_at"],
    })
    expect((await api.call("GET", "/api/v1/routes/r", undefined, {}, alice)).body["target_value"]).toBe("store")
    expect((await api.call("GET", `${base}/my-db`, undefined, {}, alice)).status).toBe(404)
  })

  test("is kept while something leads to it, unless that is forced", async () => {
    const answer = await api.call("DELETE", `${base}/store`, undefined, {}, alice)
    expect([answer.status, answer.body["code"], answer.body["references"]]).toEqual([409, "in_use", ["route r"]])
    expect((await api.call("DELETE", `${base}/store?force=true`, undefined, {}, bob)).body["code"]).toBe("not_owner")
    expect((await api.call("DELETE", `${base}/store?force=true`, undefined, {}, alice)).status).toBe(204)
    expect((await api.call("GET", `${base}/store`, undefined, {}, alice)).status).toBe(404)
  })

  test("stands among what its token owns, and goes with it", async () => {
    await register("last", {}, bob)
    expect((await api.call("GET", "/api/v1/tokens/bob", undefined, {}, bob)).body).toMatchObject({
      instances: ["last"],
      routes: [],
      resources: [],
    })
    const plan = await api.call("DELETE", "/api/v1/tokens/bob?dry_run=true")
    expect(plan.body["deleted_resources"]).toMatchObject({ instances: ["last"] })
    await api.call("DELETE", "/api/v1/tokens/bob")
    expect((await api.call("GET", `${base}/last`)).status).toBe(404)
  })
})
