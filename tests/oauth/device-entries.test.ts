import { type Person, person } from "./person.ts"
import { approve, authorizePath, registerClient, verifier } from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { tokenNode, node, alice, resource } from "./token-node.ts"
import { type OAuthNode, send } from "./oauth-node.ts"
import { type Server, createServer } from "node:http"
import { once } from "node:events"

const device = "urn:ietf:params:oauth:grant-type:device_code"
let front: Server
let at: OAuthNode

tokenNode()

// The edge tells who calls; here the test does.
beforeAll(async () => {
  front = createServer((request, response) =>
    node.app.handler(request, response, { address: String(request.headers["x-from"] ?? "127.0.0.1") }),
  ).listen(0, "127.0.0.1")
  await once(front, "listening")
  at = { ...node, port: (front.address() as { port: number }).port }
})

afterAll(() => {
  front?.closeAllConnections()
  front?.close()
})

async function userCode(): Promise<string> {
  const json = { grant_types: [device], token_endpoint_auth_method: "none" }
  const { client_id } = (await send(node, "/register", { json })).json<{ client_id: string }>()
  const asked = await send(node, "/device_authorization", { form: { client_id, resource } })
  return asked.json<{ user_code: string }>().user_code
}

/** Enters a code from an address. */
async function enter(from: string, code: string, who: Person = person(at)): Promise<number> {
  const headers = { origin: node.issuer, "x-from": from }
  return (await who.visit("/device", { form: { user_code: code }, headers })).status
}

describe("the entry of user codes", () => {
  it("counts guesses that come at the same moment: of fifty an address has ten", async () => {
    const guesses = await Promise.all(Array.from({ length: 50 }, () => enter("192.0.2.1", "BBBB-BBBB")))
    expect(guesses.filter((status) => status === 400)).toHaveLength(10)
    expect(guesses.filter((status) => status === 429)).toHaveLength(40)
    expect(await enter("192.0.2.2", await userCode()), "another address").toBe(200)
  })

  it("counts an account wherever it is, and others not with it", async () => {
    const who = person(at)
    const asking = authorizePath(await registerClient(node), verifier(), { resource })
    expect((await approve(node, asking, alice, who)).status).toBe(303)
    for (let guess = 1; guess <= 10; guess++) expect(await enter(`198.51.100.${guess}`, "BBBB-BBBB", who)).toBe(400)
    const code = await userCode()
    expect(await enter("198.51.100.50", code, who)).toBe(429)
    expect(await enter("198.51.100.51", code)).toBe(200)
  })
})
