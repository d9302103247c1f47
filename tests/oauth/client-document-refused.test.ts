import { approve, authorizePath, refreshing, tokenRequest, verifier } from "./flow.ts"
import {
  ask,
  described,
  documentNode,
  hours,
  node,
  refusedPage,
  republish,
  resource,
  site,
  tokens,
} from "./described-client.ts"
import { describe, expect, it } from "vitest"
import { type OAuthNode, oauthNode } from "./oauth-node.ts"
import { jsonReply } from "./document-site.ts"

documentNode()

type Described = ReturnType<typeof described>
const refresh = async (client: Described, token: string, at: OAuthNode = node) => {
  const answer = await tokenRequest(at, refreshing(client, token))
  return [answer.status, answer.json()["error"]]
}

describe("the last good copy of a document", () => {
  it.each([
    ["an error", 500],
    ["nothing there", 404],
  ])("stands in while the site answers with %s", async (_what, status) => {
    const client = described()
    const { refresh_token } = await tokens(client)
    site.answer(client.path, jsonReply({}, {}, status))
    node.clock.offset = hours(2)
    expect(await refresh(client, refresh_token)).toEqual([200, undefined])
  })

  it.each([
    ["names another client", { client_id: "https://elsewhere.example/client.json" }],
    ["has no redirect URIs", { redirect_uris: [] }],
    ["holds a secret", { client_secret: "x" }],
    ["wants a shared secret", { token_endpoint_auth_method: "client_secret_post" }],
  ])("is over as soon as the document %s", async (_what, members) => {
    const client = described()
    const { refresh_token } = await tokens(client)
    republish(client.path, members)
    node.clock.offset = hours(2)
    expect(await refresh(client, refresh_token)).toEqual([401, "invalid_client"])
    republish(client.path)
    expect(await refresh(client, refresh_token), "not used up").toEqual([200, undefined])
  })

  it("and a fresh one are no way around a list of hosts", async () => {
    const client = described({}, { "cache-control": "max-age=3600" })
    const { refresh_token } = await tokens(client)
    const host = new URL(client.client_id).hostname
    const strict = await oauthNode({
      redisUrl: node.config.REDIS_URL!,
      masterKey: node.config.MASTER_KEY,
      decides: false,
      env: { OAUTH_CIMD_DENIED_HOSTS: host },
    })
    try {
      expect(await refresh(client, refresh_token, strict)).toEqual([401, "invalid_client"])
      refusedPage(await approve(strict, authorizePath(client, verifier(), { resource }), ""), "does not take documents")
    } finally {
      await strict.stop()
    }
    expect((await ask(client)).status).toBe(200)
    expect(await refresh(client, refresh_token)).toEqual([200, undefined])
  })
})
