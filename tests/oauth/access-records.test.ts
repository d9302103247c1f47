import { type Server, createServer } from "node:http"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { alice, client, node, resource, tokenNode } from "./token-node.ts"
import { approve, authorizePath, redemption, refreshing, registerClient, verifier } from "./flow.ts"
import { type OAuthNode, protectedProxy, send } from "./oauth-node.ts"
import type { Outcome } from "../../src/oauth/outcome.ts"
import type { Tokens } from "./flow.ts"
import { once } from "node:events"
import { formOf, person } from "./person.ts"

let front: Server
let at: OAuthNode
let noted: Outcome[] = []

tokenNode()

// The edge tells who calls and takes what is noted; here the test does.
beforeAll(async () => {
  front = createServer((request, response) =>
    node.app.handler(request, response, {
      address: "192.0.2.7",
      requestId: "trace-1",
      note: (outcome) => void noted.push(outcome),
    }),
  ).listen(0, "127.0.0.1")
  await once(front, "listening")
  at = { ...node, port: (front.address() as { port: number }).port }
})
beforeEach(() => {
  noted = []
})
afterAll(() => {
  front?.closeAllConnections()
  front?.close()
})

/** What the last request came to. */
const last = () => noted.at(-1)
const logged = (event: string) => node.logLines.filter((line) => line.includes(event)).at(-1)

describe("the access log of the OAuth host", () => {
  it("says of a login and its tokens whose they are, for which client, under which grant, and nothing secret", async () => {
    const codeVerifier = verifier()
    const back = await approve(at, authorizePath(client, codeVerifier, { resource }), alice)
    const code = back.location!.searchParams.get("code")!
    const grant_id = code.split(".")[0]!
    const whole = { client_id: client.client_id, subject: "local-alice", grant_id }
    expect(last()).toEqual(whole)
    const form = redemption(client, code, codeVerifier)
    const tokens = (await send(at, "/token", { form })).json<Tokens>()
    expect(last()).toEqual(whole)
    const next = (await send(at, "/token", { form: refreshing(client, tokens.refresh_token) })).json<Tokens>()
    expect(last()).toEqual(whole)
    await send(at, "/revoke", { form: { client_id: client.client_id, token: next.refresh_token } })
    expect(last()).toEqual({ client_id: client.client_id })
    await send(at, "/token", { form: refreshing(client, next.refresh_token) })
    expect(last()).toEqual({ client_id: client.client_id, reason: "invalid_grant" })
    const text = JSON.stringify(noted)
    for (const secret of [code, codeVerifier, tokens.access_token, tokens.refresh_token, next.refresh_token, alice])
      expect(text).not.toContain(secret)
  })

  it("says why somebody was refused, also where the answer is a redirect", async () => {
    const closed = await protectedProxy(node, "closed.test", { auth_required_users: ["bob"] })
    await approve(at, authorizePath(client, verifier(), { resource: closed }), alice)
    const { client_id } = client
    expect(last()).toEqual({ client_id, subject: "local-alice", reason: "user_not_allowed" })
    await send(at, authorizePath(client, verifier(), { resource: "https://nowhere.test/" }))
    expect(last()).toEqual({ client_id, reason: "invalid_target" })
    await send(at, authorizePath(client, verifier(), { resource, redirect_uri: "https://evil.example/" }))
    expect(last()).toEqual({ reason: "redirect_uri_unknown" })
    await approve(at, authorizePath(client, verifier(), { resource }), "acm_wrong")
    expect(last()).toEqual({ client_id, reason: "login_failed" })
    const who = person(at)
    await who.submit(await who.visit(authorizePath(client, verifier(), { resource })), { decision: "deny" })
    expect(last()).toEqual({ client_id, reason: "access_denied" })
    await send(at, "/token", { form: { client_id: "mcp_unknown", grant_type: "refresh_token" } })
    expect(last()).toEqual({ reason: "invalid_client" })
    await send(at, "/register", { json: { redirect_uris: [] } })
    expect(last()).toEqual({ reason: "invalid_redirect_uri" })
  })

  it("says which client managed its registration, and whose grant was taken back by themselves", async () => {
    const managed = await registerClient(at)
    const headers = { authorization: `Bearer ${managed.registration_access_token}` }
    for (const method of ["GET", "DELETE", "GET"]) await send(at, `/register/${managed.client_id}`, { method, headers })
    const { client_id } = managed
    expect(noted.slice(-3)).toEqual([{ client_id }, { client_id }, { reason: "invalid_token" }])
    const who = person(at)
    const back = await approve(at, authorizePath(client, verifier(), { resource }), alice, who)
    const grant_id = back.location!.searchParams.get("code")!.split(".")[0]!
    const { csrf } = formOf(await who.visit("/account")).hidden as { csrf: string }
    await who.visit("/account", { form: { csrf, grant: grant_id }, headers: { origin: node.issuer } })
    expect(last()).toEqual({ subject: "local-alice", grant_id })
    await who.submit(await who.visit("/logout"), {})
    expect(last()).toEqual({ subject: "local-alice" })
  })

  it("is where log lines about a request lead: they carry its id, and the resources of a decision", async () => {
    await send(at, "/token", { form: { client_id: client.client_id, grant_type: "password" } })
    expect(logged("oauth_request_refused")).toContain('"request":"trace-1"')
    expect(logged("oauth_request_refused")).toContain('"reason":"unsupported_grant_type"')
    await approve(at, authorizePath(await registerClient(at), verifier(), { resource }), alice)
    expect(logged("oauth_grant_issued")).toContain(`"resources":["${resource}"]`)
  })
})
