import { send } from "./oauth-node.ts"
import { person } from "./person.ts"
import { jsonReply } from "./document-site.ts"
import { SignJWT, exportJWK, generateKeyPair } from "jose"
import { type Tokens, approve, authorizePath, codeFor, redemption, refreshing, tokenRequest, verifier } from "./flow.ts"
import { afterEach, describe, expect, it } from "vitest"
import {
  documentNode,
  type Key,
  site,
  node,
  alice,
  resource,
  described,
  republish,
  reads,
  ask,
  hours,
  tokens,
  refusedPage,
} from "./described-client.ts"

import { documentLimit } from "../../src/oauth/limits.ts"

documentNode()
afterEach(async () => {
  for (const key of await node.redis.keys("{gho}:rate:*")) await node.redis.del(key)
})

describe("a client that is described by the document at its id", () => {
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
    node.clock.at = Date.now()
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
    expect(await readsAfter({}, [59, 60])).toEqual([1, 1, 2])
    expect(await readsAfter({ "cache-control": "max-age=1" }, [59, 60])).toEqual([1, 1, 2])
    expect(await readsAfter({ "cache-control": "max-age=3600" }, [3599, 3600])).toEqual([1, 1, 2])
    expect(await readsAfter({ "cache-control": "max-age=999999" }, [86_399, 86_400])).toEqual([1, 1, 2])
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

  it("has its keys read from one host a limited number of times, whatever their addresses", async () => {
    const key = await generateKeyPair("ES256")
    const keys = { keys: [{ ...(await exportJWK(key.publicKey)), kid: "1" }] }
    const jwksUri = site.publish("/limited-keys.json", keys, { "cache-control": "no-store" })
    const client = described({ token_endpoint_auth_method: "private_key_jwt", jwks_uri: jwksUri })
    await ask(client)
    const { code } = await codeFor(node, client, alice, { resource })
    const attempt = async () => {
      const assertion = await new SignJWT({ jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: "ES256", kid: "1" })
        .setIssuer(client.client_id)
        .setSubject(client.client_id)
        .setAudience(node.issuer)
        .setExpirationTime("2 minutes")
        .sign(key.privateKey)
      return tokenRequest(node, {
        ...redemption(client, code, verifier()),
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: assertion,
      })
    }
    const many = {
      keys: [...keys.keys, ...Array.from({ length: 10 }, (_, at) => ({ ...keys.keys[0], kid: `k${at}` }))],
    }
    site.publish("/limited-keys.json", many, { "cache-control": "no-store" })
    expect((await attempt()).status, "a key set that will not do").toBe(401)
    site.publish("/limited-keys.json", keys, { "cache-control": "no-store" })
    const before = reads("/limited-keys.json")
    expect((await attempt()).json()["error"]).toBe("invalid_grant")
    expect(reads("/limited-keys.json")).toBe(before + 1)
    const { count, windowMs } = documentLimit
    for (let times = 0; times < count; times += 1) await node.ttl.count("document\nclient.localhost", windowMs)
    const answer = await attempt()
    expect([answer.status, answer.json()["error"]]).toEqual([429, "temporarily_unavailable"])
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0)
    expect(reads("/limited-keys.json")).toBe(before + 1)
  })

  it("keeps its login when others ask for one document after another of its host", async () => {
    const client = described()
    const { refresh_token } = await tokens(client)
    const { count, windowMs } = documentLimit
    for (let times = 0; times < count; times += 1) await node.ttl.count("document\nclient.localhost", windowMs)
    expect((await ask(described())).status).toBe(429)
    node.clock.offset = 61_000
    const before = reads(client.path)
    expect((await tokenRequest(node, refreshing(client, refresh_token))).status).toBe(200)
    node.clock.offset = 122_000
    expect((await ask(client)).status).toBe(200)
    expect(reads(client.path)).toBe(before + 2)
  })
})
