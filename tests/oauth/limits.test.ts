import { type Answer, type OAuthNode, type Sending, send } from "./oauth-node.ts"
import { type Server, createServer } from "node:http"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { authorizePath, registerClient, verifier } from "./flow.ts"
import { client, node, resource, tokenNode } from "./token-node.ts"
import type { TestClient } from "./flow.ts"
import { once } from "node:events"

const device = "urn:ietf:params:oauth:grant-type:device_code"
let front: Server
let at: OAuthNode
let other: TestClient

tokenNode()

// The edge tells who calls; here the test does.
beforeAll(async () => {
  front = createServer((request, response) =>
    node.app.handler(request, response, { address: String(request.headers["x-from"] ?? "192.0.2.1") }),
  ).listen(0, "127.0.0.1")
  await once(front, "listening")
  at = { ...node, port: (front.address() as { port: number }).port }
  other = await registerClient(node, { grant_types: ["authorization_code", "refresh_token", device] })
})
beforeEach(async () => {
  for (const key of await node.redis.keys("{gho}:rate:*")) await node.redis.del(key)
})
afterAll(() => {
  front?.closeAllConnections()
  front?.close()
})

/** What was counted so far counts as far too much. */
async function exhaust(): Promise<number> {
  const keys = await node.redis.keys("{gho}:rate:*")
  for (const key of keys) await node.redis.set(key, 1_000_000, "KEEPTTL")
  return keys.length
}

const asked: Record<string, (of: TestClient) => readonly [path: string, sending: Sending]> = {
  "/authorize": (of) => [authorizePath(of, verifier(), { resource }), {}],
  "/token": ({ client_id }) => ["/token", { form: { client_id, grant_type: "refresh_token", refresh_token: "x" } }],
  "/revoke": ({ client_id }) => ["/revoke", { form: { client_id, token: "x" } }],
  "/introspect": ({ client_id }) => ["/introspect", { form: { client_id, token: "x" } }],
  "/device_authorization": ({ client_id }) => ["/device_authorization", { form: { client_id, resource } }],
}

function expectTooMany({ status, headers, text }: Answer): void {
  expect([status, Number(headers["retry-after"]) > 0]).toEqual([429, true])
  if (String(headers["content-type"]).includes("json"))
    expect(JSON.parse(text)).toMatchObject({ error: "temporarily_unavailable" })
}

describe.each(Object.keys(asked))("requests to %s", (name) => {
  const ask = (of: TestClient, from?: string) => {
    const [path, sending] = asked[name]!(of)
    return send(at, path, { ...sending, headers: { ...(from !== undefined && { "x-from": from }) } })
  }

  it("are counted for an address and a client, so that hosts which share one do not shut each other out", async () => {
    const usual = (await ask(client)).status
    expect(usual).not.toBe(429)
    expect(await exhaust()).toBeGreaterThan(0)
    expectTooMany(await ask(client))
    expect((await ask(client, "192.0.2.2")).status, "another address").toBe(usual)
    expect((await ask(other)).status, "another client").not.toBe(429)
  })

  it("of unknown clients share one bucket, however many ids are made up", async () => {
    const unknown = (id: string) => ({ ...client, client_id: `mcp_made_up_${id}` })
    expect((await ask(unknown("a"))).status).not.toBe(429)
    await exhaust()
    expectTooMany(await ask(unknown("b")))
  })
})

describe("an IPv6 address", () => {
  it("counts as its network, of which everybody has a whole one", async () => {
    const [path, sending] = asked["/token"]!(client)
    const from = async (address: string) =>
      (await send(at, path, { ...sending, headers: { "x-from": address } })).status
    await from("2001:db8:1:2::1")
    await exhaust()
    expect(await from("2001:db8:1:2:ffff::9")).toBe(429)
    expect(await from("2001:db8:1:3::1")).toBe(400)
  })
})

describe("a client that may not ask people", () => {
  it("has no address to be answered at: a page says so, and nobody is asked", async () => {
    const client_id = "mcp_only_a_machine_0"
    const redirect_uri = "https://machine.example/cb"
    const metadata = {
      redirect_uris: [redirect_uri],
      grant_types: ["client_credentials"],
      response_types: [],
      token_endpoint_auth_method: "client_secret_post",
    }
    const create = (given: object) =>
      node.execute("CreateClient", { client_id, metadata: given, secret_hash: `sha256:${"0".repeat(64)}` })
    await expect(create(metadata)).rejects.toThrow("redirect_uris: are for the authorization_code grant")
    await create({ ...metadata, redirect_uris: [] })
    const machine = { client_id, redirect_uri, registration_access_token: "" }
    for (const overrides of [{}, { redirect_uri: undefined }]) {
      const answer = await send(node, authorizePath(machine, verifier(), { resource, ...overrides }))
      expect([answer.status, answer.location]).toEqual([400, undefined])
    }
  })
})
