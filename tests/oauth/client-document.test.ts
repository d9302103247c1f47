import { type Answer, type OAuthNode, apiToken, oauthNode, person, protectedProxy, send } from "./oauth-node.ts"
import { type DocumentSite, documentSite, jsonReply } from "./document-site.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { SignJWT, exportJWK, generateKeyPair } from "jose"
import {
  type TestClient,
  type Tokens,
  approve,
  authorizePath,
  codeFor,
  redemption,
  refreshing,
  tokenRequest,
  verifier,
} from "./flow.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { documentFetch } from "../../src/oauth/document-fetch.ts"
import { find } from "../../src/events/world.ts"

type Key = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]

let redis: RedisServer
let site: DocumentSite
let node: OAuthNode
let alice: string
let resource: string
let count = 0

beforeAll(async () => {
  redis = await redisServer()
  site = await documentSite()
  const documents = documentFetch({
    issuer: "https://auth.localhost:8443",
    allowedHosts: [],
    deniedHosts: [],
    ca: site.ca,
  })
  node = await oauthNode({ redisUrl: redis.url, documents })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
})

afterEach(() => {
  node.clock.offset = 0
})

afterAll(async () => {
  await node?.stop()
  await site?.stop()
  await redis?.stop()
})

const callback = "http://127.0.0.1:7777/callback"

/** Publishes a document under a new URL. `undefined` leaves a member out. */
function described(
  members: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): TestClient & { path: string } {
  const path = `/clients/${++count}.json`
  republish(path, members, headers)
  return { client_id: site.origin + path, redirect_uri: callback, registration_access_token: "", path }
}

function republish(path: string, members: Record<string, unknown> = {}, headers: Record<string, string> = {}): void {
  const usual = { client_id: site.origin + path, client_name: "Described client", redirect_uris: [callback] }
  site.publish(path, { ...usual, grant_types: ["authorization_code", "refresh_token"], ...members }, headers)
}

const reads = (path: string) => site.seen.filter((seen) => seen.path === path).length
const ask = (client: TestClient) => send(node, authorizePath(client, verifier(), { resource }))
const hours = (n: number) => n * 3_600_000

async function tokens(client: TestClient): Promise<Tokens> {
  const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
  const answer = await tokenRequest(node, redemption(client, code, codeVerifier))
  expect(answer.status, answer.text).toBe(200)
  return answer.json()
}

function refusedPage(answer: Answer, text: string | RegExp): void {
  expect([answer.status, answer.headers.location]).toEqual([400, undefined])
  expect(answer.text).toMatch(text)
}

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

  it("is not followed through a redirect, and failures are not remembered", async () => {
    const client = described()
    site.answer(client.path, (response) => void response.writeHead(302, { location: "/clients/1.json" }).end())
    refusedPage(await ask(client), "answers with a redirect, which is not followed")
    site.answer(client.path, jsonReply({}, {}, 500))
    refusedPage(await ask(client), "answers with status 500")
    republish(client.path)
    expect((await ask(client)).status).toBe(200)
  })

  it("is read again when its copy is old: a minute at least, as it says, a day at most", async () => {
    const readsAfter = async (headers: Record<string, string>, seconds: readonly number[]) => {
      const client = described({}, headers)
      const counts: number[] = []
      for (const second of [0, ...seconds]) {
        node.clock.offset = second * 1000
        await ask(client)
        counts.push(reads(client.path))
      }
      node.clock.offset = 0
      return counts
    }
    expect(await readsAfter({}, [50, 70])).toEqual([1, 1, 2])
    expect(await readsAfter({ "cache-control": "max-age=1" }, [50, 70])).toEqual([1, 1, 2])
    expect(await readsAfter({ "cache-control": "max-age=3600" }, [3500, 3700])).toEqual([1, 1, 2])
    expect(await readsAfter({ "cache-control": "max-age=999999" }, [86_000, 86_500])).toEqual([1, 1, 2])
    expect(await readsAfter({ "cache-control": "no-store" }, [1, 2])).toEqual([1, 2, 3])
  })

  it("keeps its login while its site is away for less than a day", async () => {
    const client = described()
    let { refresh_token } = await tokens(client)
    const refresh = async () => {
      const answer = await tokenRequest(node, refreshing(client, refresh_token))
      if (answer.status === 200) refresh_token = answer.json<Tokens>().refresh_token
      return [answer.status, answer.json()["error"]]
    }
    site.answer(client.path, (response) => void response.destroy())
    node.clock.offset = hours(2)
    expect(await refresh()).toEqual([200, undefined])
    const asked = reads(client.path)
    expect(await refresh()).toEqual([200, undefined])
    expect(reads(client.path)).toBe(asked)
    node.clock.offset = hours(25)
    expect(await refresh()).toEqual([503, "temporarily_unavailable"])
    republish(client.path)
    expect(await refresh()).toEqual([200, undefined])
  })

  it("asks for consent again when it changed its name, and is refused a redirect URI that it gave up", async () => {
    const client = described()
    const who = person(node)
    expect((await approve(node, authorizePath(client, verifier(), { resource }), alice, who)).status).toBe(303)
    expect((await who.visit(authorizePath(client, verifier(), { resource }))).status).toBe(303)
    republish(client.path, { client_name: "Another name" })
    node.clock.offset = 61_000
    const asked = await who.visit(authorizePath(client, verifier(), { resource }))
    expect([asked.status, asked.text.includes("Another name")]).toEqual([200, true])
    republish(client.path, { redirect_uris: ["https://elsewhere.example/cb"] })
    node.clock.offset = 122_000
    refusedPage(await who.visit(authorizePath(client, verifier(), { resource })), "did not register")
  })

  it("starts a new life with the next consent when the last one is over", async () => {
    const client = described()
    await tokens(client)
    node.clock.offset = node.config.OAUTH_CLIENT_LIFETIME * 1000 + 60_000
    expect((await ask(client)).status).toBe(200)
    const { refresh_token } = await tokens(client)
    expect((await tokenRequest(node, refreshing(client, refresh_token))).status).toBe(200)
  })

  it("is shut out when an administrator switches it off, tokens included", async () => {
    const client = described()
    const { access_token, refresh_token } = await tokens(client)
    const alive = async () =>
      (await send(node, "/verify", { headers: { authorization: `Bearer ${access_token}` } })).status
    expect(await alive()).toBe(200)
    await node.execute("SetClientStatus", { client_id: client.client_id, disabled: true })
    expect(await alive()).toBe(401)
    refusedPage(await ask(client), "not registered here")
    expect((await tokenRequest(node, refreshing(client, refresh_token))).json()["error"]).toBe("invalid_client")
    await node.execute("SetClientStatus", { client_id: client.client_id, disabled: false })
    expect(await alive()).toBe(200)
  })

  it("proves itself with keys that it publishes, and may change them", async () => {
    const first = await generateKeyPair("ES256")
    const second = await generateKeyPair("ES256")
    const publish = async (key: Key, kid: string) =>
      site.publish("/keys.json", { keys: [{ ...(await exportJWK(key)), kid }] }, { "cache-control": "max-age=3600" })
    const jwksUri = await publish(first.publicKey, "1")
    const client = described({ token_endpoint_auth_method: "private_key_jwt", jwks_uri: jwksUri })
    const assertion = (key: Key, kid: string) =>
      new SignJWT({ jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: "ES256", kid })
        .setIssuer(client.client_id)
        .setSubject(client.client_id)
        .setAudience(node.issuer)
        .setExpirationTime("2 minutes")
        .sign(key)
    const redeem = async (key: Key, kid: string) => {
      const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
      const proof = {
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: await assertion(key, kid),
      }
      return (await tokenRequest(node, { ...redemption(client, code, codeVerifier), ...proof })).status
    }
    expect(await redeem(first.privateKey, "1"), node.logLines.slice(-4).join("")).toBe(200)
    await publish(second.publicKey, "2")
    expect(await redeem(second.privateKey, "2")).toBe(401)
    node.clock.offset = 61_000
    expect(await redeem(second.privateKey, "2")).toBe(200)
    expect(await redeem(first.privateKey, "1")).toBe(401)
  })
})
