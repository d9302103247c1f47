import { api } from "../support/gatehouse.ts"
import { beforeAll, describe, expect, it } from "vitest"
import {
  oauthInstallation,
  type Json,
  node,
  alice,
  bob,
  login,
  read,
  statusOf,
  signIn,
  call,
} from "./oauth-installation.ts"

oauthInstallation()

beforeAll(signIn)

describe("clients that somebody sets up", () => {
  let client: Json
  const change = (id: string, body: unknown, token = node.adminToken) =>
    api<Json>(node.apiPort, token, "PATCH", `/api/v1/oauth/clients/${id}`, body)

  it("have a secret that is shown once, and act for themselves", async () => {
    const key = { "idempotency-key": "machine" }
    const asked = { client_name: "Nightly job", scope: "mcp:read" }
    const created = await api<Json>(node.apiPort, alice, "POST", "/api/v1/oauth/clients", asked, key)
    expect(created.status, JSON.stringify(created.body)).toBe(201)
    client = created.body
    expect(client).toMatchObject({
      kind: "admin",
      owner: "alice",
      expires_at: null,
      is_active: true,
      token_count: 0,
      metadata: { grant_types: ["client_credentials"], redirect_uris: [] },
    })
    expect(created.headers.get("location")).toBe(`/api/v1/oauth/clients/${client["client_id"]}`)
    expect(created.headers.get("cache-control")).toBe("no-store")
    expect(client["client_secret"]).toMatch(/^[A-Za-z0-9_-]{43}$/)
    const again = await api<Json>(node.apiPort, alice, "POST", "/api/v1/oauth/clients", asked, key)
    expect([again.status, again.body["client_id"], again.body["client_secret"]]).toEqual([
      201,
      client["client_id"],
      undefined,
    ])
    expect(await read("getOAuthClient", `clients/${client["client_id"]}`, alice)).not.toHaveProperty("client_secret")
    expect(await statusOf(`clients/${client["client_id"]}`, bob)).toBe(404)
  })

  it("are told what they lack", async () => {
    const wrong = [
      {},
      { client_name: "x", unknown: 1 },
      { client_name: "x", grant_types: ["client_credentials"], token_endpoint_auth_method: "none" },
      { client_name: "x", redirect_uris: ["http://far.example/cb"] },
    ]
    for (const body of wrong) expect(await statusOf("clients", undefined, "POST", body), JSON.stringify(body)).toBe(422)
  })

  it("change in one way at a time, by their owner", async () => {
    const id = client["client_id"] as string
    expect((await change(id, {})).status).toBe(422)
    expect((await change(id, { disabled: true, client_name: "Other" })).status).toBe(422)
    expect((await change(id, { client_name: "Other" }, bob)).status).toBe(404)
    expect((await change(id, { vouched: true }, alice)).status).toBe(403)
    expect((await change(id, { vouched: true })).body).toMatchObject({ vouched: true })
    expect((await change(id, { client_name: "Weekly job" }, alice)).body).toMatchObject({
      client_name: "Weekly job",
      metadata: { scope: "mcp:read" },
    })
    const replaced = await change(id, { new_secret: true }, alice)
    expect(replaced.body["client_secret"]).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(replaced.body["client_secret"]).not.toBe(client["client_secret"])
    expect((await change(id, { disabled: true }, alice)).body).toMatchObject({ disabled: true, is_active: false })
    expect(
      (await read("listOAuthClients", "clients?active_only=true", alice))["clients"].map(
        (one: Json) => one["client_id"],
      ),
    ).not.toContain(id)
  })

  it("are listed in pages and in order", async () => {
    for (const name of ["Bravo", "alpha", "Charlie"])
      expect(
        await statusOf("clients", undefined, "POST", {
          client_name: name,
          redirect_uris: ["https://a.example/cb"],
          token_endpoint_auth_method: "none",
        }),
      ).toBe(201)
    const names = async (query: string) =>
      (await read("listOAuthClients", `clients?active_only=false&${query}`))["clients"].map(
        (one: Json) => one["client_name"],
      )
    expect(await names("sort_by=client_name&order=asc")).toEqual([
      "alpha",
      "Bravo",
      "Charlie",
      "End-to-end test",
      "Weekly job",
    ])
    expect(await names("sort_by=client_name&order=desc&per_page=2&page=2")).toEqual(["Charlie", "Bravo"])
    expect(await names("sort_by=client_name&page=9")).toEqual([])
    expect((await names("sort_by=token_count&per_page=1"))[0]).toBe("End-to-end test")
    expect(await statusOf("clients?sort_by=secret")).toBe(422)
    expect((await read("listOAuthClients", "clients"))["summary"]).toEqual({
      total_clients: 5,
      active_clients: 4,
      expired_clients: 0,
      never_used: 4,
    })
  })

  it("are deleted with what they hold", async () => {
    const list = await read("listOAuthClients", "clients")
    const { client_id } = list["clients"].find((one: Json) => one["client_name"] === "End-to-end test")
    const held = (await read("getOAuthClient", `clients/${client_id}`))["proxy_associations"][0].grants
    expect(held).toBeGreaterThan(0)
    expect(await statusOf(`clients/${client_id}`, alice, "DELETE")).toBe(403)
    const deleted = await api(node.apiPort, node.adminToken, "DELETE", `/api/v1/oauth/clients/${client_id}`)
    expect([deleted.status, deleted.body]).toEqual([200, { client_id, revoked_grants: held }])
    expect((await call(login.tokens()!.access_token)).status).toBe(401)
    expect((await read("listOAuthSessions", "sessions?kind=grant"))["sessions"]).toEqual([])
  })
})

describe("cleaning up", () => {
  it("finds the refresh tokens of revoked grants, and removes them when told so", async () => {
    const clean = async (query = "") => (await node.api<Json>("POST", `/api/v1/oauth/tokens/cleanup${query}`)).body
    const found = await clean()
    expect(found).toMatchObject({ dry_run: true, expired: 0, unused_clients: 0, removed: 0 })
    expect(found["revoked_families"]).toBeGreaterThan(0)
    expect(await clean()).toEqual(found)
    expect(await clean("?dry_run=false")).toEqual({ ...found, dry_run: false, removed: found["revoked_families"] })
    expect(await clean()).toMatchObject({ revoked_families: 0 })
  })
})
