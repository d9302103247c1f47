import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { ConfigError } from "../../src/platform/config.ts"
import { decodeProtectedHeader } from "jose"
import { registerClient, tokensFor } from "./flow.ts"
import { caughtUp } from "./caught-up.ts"

let redis: RedisServer
let nodes: OAuthNode[] = []

beforeAll(async () => {
  redis = await redisServer()
})

beforeEach(async () => {
  await redis.command("FLUSHALL")
})

afterEach(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
  nodes = []
})

afterAll(async () => {
  await redis?.stop()
})

const masterKey = randomBytes(32).toString("base64")

async function start(env: Record<string, string> = {}, decides = true): Promise<OAuthNode> {
  const node = await oauthNode({ redisUrl: redis.url, masterKey, env, decides })
  nodes.push(node)
  return node
}

const keySet = async (node: OAuthNode) =>
  (await send(node, "/.well-known/jwks.json")).json<{ keys: Record<string, string>[] }>().keys
const pem = (key: ReturnType<typeof generateKeyPairSync>["privateKey"] & object) =>
  Buffer.from(
    (key as unknown as { export(options: object): string }).export({ type: "pkcs8", format: "pem" }),
  ).toString("base64")

describe("the signing key", () => {
  it("is one, although two nodes start at once, and survives their restart", async () => {
    const [first, second] = [await start(), await start({}, false)]
    await Promise.all([first.ensureSigningKey(), second.ensureSigningKey()])
    expect(await keySet(first)).toHaveLength(1)
    expect(await keySet(second)).toEqual(await keySet(first))
    const third = await start({}, false)
    await third.ensureSigningKey()
    expect(await keySet(third)).toEqual(await keySet(first))
    const client = await registerClient(first)
    await protectedProxy(first, "mcp.test")
    const alice = await apiToken(first, "alice")
    await caughtUp(third, first)
    const { access_token } = await tokensFor(third, client, alice)
    expect(decodeProtectedHeader(access_token).kid).toBe((await keySet(first))[0]!["kid"])
  })

  it.each([
    ["RS256", { kty: "RSA", alg: "RS256", use: "sig" }],
    ["ES256", { kty: "EC", crv: "P-256", alg: "ES256", use: "sig" }],
    ["EdDSA", { kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" }],
  ])("has the configured algorithm %s, and shows nothing private", async (algorithm, expected) => {
    const node = await start({ OAUTH_JWT_ALGORITHM: algorithm })
    await node.ensureSigningKey()
    const [key] = await keySet(node)
    expect(key).toMatchObject(expected)
    for (const secret of ["d", "p", "q", "dp", "dq", "qi", "k"]) expect(key).not.toHaveProperty(secret)
    const stored = await redis.command("XRANGE {gh}:commands - +")
    expect(stored).toContain("AddSigningKey")
    expect(stored).not.toContain("PRIVATE")
  })

  it("is the imported one, once", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const env = { OAUTH_JWT_PRIVATE_KEY_B64: pem(privateKey) }
    const node = await start(env)
    await node.ensureSigningKey()
    await node.ensureSigningKey()
    const keys = await keySet(node)
    expect(keys).toHaveLength(1)
    expect(keys[0]).toMatchObject(publicKey.export({ format: "jwk" }))
  })

  it.each([
    ["another algorithm's", () => pem(generateKeyPairSync("ed25519").privateKey)],
    ["too short", () => pem(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey)],
    ["no key", () => Buffer.from("not a key").toString("base64")],
  ])("is not taken from a variable that holds %s", async (_what, value) => {
    const key = value()
    const node = await start({
      OAUTH_JWT_PRIVATE_KEY_B64: key,
      OAUTH_JWT_ALGORITHM: _what === "too short" ? "RS256" : "ES256",
    })
    const failure = await node.ensureSigningKey().catch((error: unknown) => error as Error)
    expect(failure).toBeInstanceOf(ConfigError)
    expect((failure as Error).message).toContain("OAUTH_JWT_PRIVATE_KEY_B64")
    expect((failure as Error).message).not.toContain(key.slice(0, 20))
    expect(await keySet(node)).toEqual([])
  })

  it("of a new algorithm is published ten minutes before it signs", async () => {
    const old = await start()
    await old.ensureSigningKey()
    await protectedProxy(old, "mcp.test")
    const alice = await apiToken(old, "alice")
    const node = await start({ OAUTH_JWT_ALGORITHM: "EdDSA" }, false)
    await node.ensureSigningKey()
    expect(new Set((await keySet(node)).map((key) => key["alg"]))).toEqual(new Set(["ES256", "EdDSA"]))
    const client = await registerClient(node)
    const algorithm = async () => decodeProtectedHeader((await tokensFor(node, client, alice)).access_token).alg
    expect(await algorithm()).toBe("ES256")
    node.clock.offset = 601_000
    expect(await algorithm()).toBe("EdDSA")
  })

  it("is replaced at the next start when it was retired", async () => {
    const node = await start()
    await node.ensureSigningKey()
    const [retired] = await keySet(node)
    await node.execute("RetireSigningKey", { kid: retired!["kid"], reason: "test" })
    await node.ensureSigningKey()
    const keys = await keySet(node)
    expect(keys).toHaveLength(1)
    expect(keys[0]!["kid"]).not.toBe(retired!["kid"])
  })
})
