import { type Tokens, codeFor, redemption, refreshing, registerClient, tokenRequest } from "./flow.ts"
import { apiToken, protectedProxy, send } from "./oauth-node.ts"
import { beforeAll, describe, expect, it } from "vitest"
import { tokenNode, node, alice, resource, basic } from "./token-node.ts"

tokenNode()

let bob: string
let carol: string
let owned: string

beforeAll(async () => {
  bob = await apiToken(node, "bob")
  carol = await apiToken(node, "carol")
  owned = await protectedProxy(node, "owned.test", {}, {}, "bob")
})

async function ask(token: string, headers: Record<string, string>) {
  const answer = await send(node, "/introspect", { form: { token }, headers })
  expect([answer.status, answer.headers["cache-control"]]).toEqual([200, "no-store"])
  return answer.json()
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

async function issued(resources: readonly string[]) {
  const client = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
  const own = basic(client.client_id, client.client_secret!)
  const { code, verifier } = await codeFor(node, client, alice, { resource: resources })
  const tokens = (await tokenRequest(node, redemption(client, code, verifier), own)).json<Tokens>()
  return { client, own, ...tokens }
}

describe("introspection", () => {
  it("tells the owner of one of a token's resources, and no other owner", async () => {
    const { access_token } = await issued([resource, owned])
    expect(await ask(access_token, bearer(bob))).toMatchObject({ active: true, sub: "local-alice" })
    expect(await ask(access_token, bearer(carol))).toEqual({ active: false })
    const { access_token: elsewhere } = await issued([resource])
    expect(await ask(elsewhere, bearer(bob))).toEqual({ active: false })
  })

  it("tells an owner nothing of refresh tokens, which are between client and server", async () => {
    const { refresh_token, own } = await issued([owned])
    expect(await ask(refresh_token, bearer(bob))).toEqual({ active: false })
    expect(await ask(refresh_token, own)).toMatchObject({ active: true })
  })

  it("says of a used refresh token, and of what expired, that it is inactive and nothing else", async () => {
    const { client, own, access_token, refresh_token } = await issued([owned])
    const next = (await tokenRequest(node, refreshing(client, refresh_token), own)).json<Tokens>()
    expect(await ask(refresh_token, own)).toEqual({ active: false })
    expect(await ask(next.refresh_token, own)).toMatchObject({ active: true })
    node.clock.offset = node.config.OAUTH_ACCESS_TOKEN_LIFETIME * 1000 + 1000
    expect(await ask(access_token, own)).toEqual({ active: false })
  })
})
