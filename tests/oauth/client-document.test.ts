import { send } from "./oauth-node.ts"
import { approve, authorizePath, codeFor, redemption, refreshing, tokenRequest, verifier } from "./flow.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import {
  documentNode,
  site,
  node,
  alice,
  resource,
  callback,
  described,
  ask,
  tokens,
  refusedPage,
} from "./described-client.ts"

documentNode()

describe("a client that is described by the document at its id", () => {
  it("runs from consent to refresh, and becomes a client of ours with the first consent", async () => {
    const client = described()
    const consent = await ask(client)
    expect(consent.text).toContain("<strong>Described client</strong> (unverified)")
    expect(consent.text).toContain(`<dt>Described by</dt><dd><strong>client.localhost:${site.port}</strong>`)
    expect(consent.text).toContain("<strong>127.0.0.1:7777</strong>")
    expect(consent.text).toContain("Any program there can pretend to be it")
    expect(find(node.world, "client", client.client_id)).toBeUndefined()
    const { refresh_token } = await tokens(client)
    expect(find(node.world, "client", client.client_id)).toMatchObject({
      kind: "cimd",
      secret_hash: null,
      used_at: expect.any(String) as string,
    })
    expect((await tokenRequest(node, refreshing(client, refresh_token))).status).toBe(200)
    expect((await send(node, "/revoke", { form: { client_id: client.client_id, token: refresh_token } })).status).toBe(
      200,
    )
    expect((await tokenRequest(node, refreshing(client, refresh_token))).json()["error"]).toBe("invalid_grant")
  })

  it("takes any port of a registered loopback address", async () => {
    const client = { ...described(), redirect_uri: "http://127.0.0.1:5555/callback" }
    expect((await approve(node, authorizePath(client, verifier(), { resource }), alice)).location?.port).toBe("5555")
  })

  it("has no secret token to register with, and no code without its document", async () => {
    const client = described()
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    const form = { ...redemption(client, code, codeVerifier), client_secret: "anything" }
    expect((await tokenRequest(node, form)).json()["error"]).toBe("invalid_client")
    const other = described()
    expect((await tokenRequest(node, { ...redemption(other, code, codeVerifier) })).json()["error"]).toBe(
      "invalid_client",
    )
  })

  it.each([
    ["another client_id", { client_id: "https://client.localhost/other.json" }, "its client_id is not its own address"],
    ["no client_id", { client_id: undefined }, "its client_id is not its own address"],
    ["no name", { client_name: undefined }, "it has no client_name"],
    ["a name of nothing that shows", { client_name: " \u200b\u202e " }, "its client_name is empty"],
    ["no redirect URIs", { redirect_uris: undefined }, "it has no redirect_uris"],
    ["an empty list", { redirect_uris: [] }, "redirect_uris is required"],
    ["a script as redirect URI", { redirect_uris: ["javascript:alert(1)"] }, "private-use redirect scheme"],
    ["a secret", { client_secret: "x" }, "it holds a client secret"],
    [
      "a method with a secret",
      { token_endpoint_auth_method: "client_secret_post" },
      "neither none nor private_key_jwt",
    ],
    ["a method without keys", { token_endpoint_auth_method: "private_key_jwt" }, "needs either jwks or jwks_uri"],
    [
      "a private key",
      {
        token_endpoint_auth_method: "private_key_jwt",
        jwks: { keys: [{ kty: "OKP", crv: "Ed25519", x: "a", d: "b" }] },
      },
      "a key must be a public one",
    ],
    [
      "a symmetric key",
      { token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [{ kty: "oct", k: "b" }] } },
      "RSA, EC or OKP",
    ],
    ["no grant of ours", { grant_types: ["implicit"] }, "grant_types must hold"],
    ["too much", { client_uri: `https://x.example/${"x".repeat(6000)}` }, "it is larger than 5 KiB"],
  ])("is refused on a page that says why: %s", async (_what, members, text) => {
    refusedPage(await ask(described(members)), text)
  })

  it.each([
    ["https://client.localhost:PORT/", "must have a path"],
    ["https://client.localhost:PORT/a/../b.json", "dot segments"],
    ["https://client.localhost:PORT/a/%2e%2e/b.json", "dot segments"],
    ["https://client.localhost:PORT/a%2Fb.json", "hide dots or slashes"],
    ["https://client.localhost:PORT/a.json?x=1", "query"],
    ["https://client.localhost:PORT/a.json?", "query"],
    ["https://client.localhost:PORT/a.json#x", "fragment"],
    ["https://me@client.localhost:PORT/a.json", "user information"],
    ["https://CLIENT.localhost:PORT/a.json", "canonically"],
    ["HTTPS://client.localhost:PORT/a.json", "canonically"],
    ["https://10.0.0.1/a.json", "a number in place of a host name"],
    ["https://169.254.169.254/latest/meta-data", "a number in place of a host name"],
    [`https://client.localhost/${"x".repeat(2100)}`, "not an https URL"],
  ])("has an id of one spelling: %s has not", async (id, text) => {
    const before = site.seen.length
    const client = {
      client_id: id.replace("PORT", String(site.port)),
      redirect_uri: callback,
      registration_access_token: "",
    }
    refusedPage(await ask(client), text)
    expect(site.seen.length).toBe(before)
  })
})
