import { send } from "./oauth-node.ts"
import { authorizePath, redirectUri, registerClient, verifier } from "./flow.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import { tokenNode, node, resource } from "./token-node.ts"

tokenNode()

const own = {
  client_name: "Well known",
  redirect_uris: [redirectUri],
  grant_types: ["authorization_code", "refresh_token"],
  token_endpoint_auth_method: "none",
}

async function vouchedClient() {
  const client = await registerClient(node, own)
  await node.execute("SetClientStatus", { client_id: client.client_id, vouched: true })
  const headers = { authorization: `Bearer ${client.registration_access_token}` }
  const replace = async (change: object) => {
    const json = { client_id: client.client_id, ...own, ...change }
    const answer = await send(node, `/register/${client.client_id}`, { method: "PUT", json, headers })
    expect(answer.status, answer.text).toBe(200)
  }
  const page = async (redirect_uri = redirectUri) =>
    (await send(node, authorizePath(client, verifier(), { resource, redirect_uri }))).text
  return { client, replace, page }
}

describe("a client that an administrator vouches for", () => {
  it("is no longer called unverified", async () => {
    const unverified = await registerClient(node, own)
    expect((await send(node, authorizePath(unverified, verifier(), { resource }))).text).toContain("(unverified)")
    expect(await (await vouchedClient()).page()).not.toContain("(unverified)")
  })

  it("keeps that while it changes what nobody is shown", async () => {
    const { client, replace, page } = await vouchedClient()
    await replace({ software_version: "2" })
    expect(await page()).not.toContain("(unverified)")
    expect(find(node.world, "client", client.client_id)).toMatchObject({ vouched: true })
  })

  it("loses it by another name or another return address of its own choice", async () => {
    const renamed = await vouchedClient()
    await renamed.replace({ client_name: "Your bank" })
    expect(await renamed.page()).toContain("<strong>Your bank</strong> (unverified)")
    const moved = await vouchedClient()
    const elsewhere = "https://elsewhere.example/cb"
    await moved.replace({ redirect_uris: [elsewhere] })
    expect(await moved.page(elsewhere)).toContain("<strong>Well known</strong> (unverified)")
  })
})
