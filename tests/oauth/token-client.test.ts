import { codeFor, redemption, registerClient, tokenRequest } from "./flow.ts"
import { describe, expect, it } from "vitest"
import { tokenNode, node, alice, resource, client, error, basic } from "./token-node.ts"

tokenNode()

describe("client authentication", () => {
  it("takes form-encoded Basic credentials and nothing but the registered method", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: undefined })
    const id = confidential.client_id
    const secret = confidential.client_secret!
    const attempt = async (form: Record<string, string>, headers: Record<string, string>) => {
      const answer = await tokenRequest(node, { grant_type: "refresh_token", refresh_token: "x", ...form }, headers)
      return [answer.status, answer.json()["error"], answer.headers["www-authenticate"]]
    }
    const authenticated = [400, "invalid_grant", undefined]
    const challenged = [401, "invalid_client", `Basic realm="${node.issuer}"`]
    const encoded = Buffer.from(secret).toString("hex").replace(/../g, "%$&")
    expect(await attempt({}, basic(id, secret))).toEqual(authenticated)
    expect(await attempt({}, basic(id, encoded))).toEqual(authenticated)
    expect(await attempt({ client_id: id }, basic(id, secret))).toEqual(authenticated)
    expect(await attempt({}, basic(id, `${secret}x`))).toEqual(challenged)
    expect(await attempt({}, basic(id, ""))).toEqual(challenged)
    expect(await attempt({}, basic("mcp_unknown", secret))).toEqual(challenged)
    expect(await attempt({}, { authorization: "Basic !!!" })).toEqual(challenged)
    expect(await attempt({}, { authorization: `Bearer ${secret}` })).toEqual(challenged)
    expect(await attempt({ client_secret: secret }, basic(id, secret))).toEqual([400, "invalid_request", undefined])
    expect(await attempt({ client_id: client.client_id }, basic(id, secret))).toEqual([
      400,
      "invalid_request",
      undefined,
    ])
    expect(await attempt({ client_id: id, client_secret: secret }, {})).toEqual([401, "invalid_client", undefined])
    expect(await attempt({ client_id: id }, {})).toEqual([401, "invalid_client", undefined])
    expect(await attempt({}, {})).toEqual([401, "invalid_client", undefined])
  })

  it("takes a posted secret from a client that registered that, and none from a public one", async () => {
    const poster = await registerClient(node, { token_endpoint_auth_method: "client_secret_post" })
    const form = { grant_type: "refresh_token", refresh_token: "x", client_id: poster.client_id }
    expect(await error({ ...form, client_secret: poster.client_secret! })).toEqual([400, "invalid_grant"])
    expect(await error({ ...form, client_secret: "wrong" })).toEqual([401, "invalid_client"])
    expect(await error(form)).toEqual([401, "invalid_client"])
    expect(await error({ ...form, client_id: client.client_id, client_secret: "x" })).toEqual([401, "invalid_client"])
    expect(await error({ ...form, client_id: client.client_id, client_secret: "" })).toEqual([400, "invalid_grant"])
  })

  it("runs a whole login for a confidential client", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
    const { code, verifier: codeVerifier } = await codeFor(node, confidential, alice, { resource })
    const { client_id, ...form } = redemption(confidential, code, codeVerifier)
    expect((await tokenRequest(node, form, basic(client_id, confidential.client_secret!))).status).toBe(200)
  })
})
