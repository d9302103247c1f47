import { type ProofKey, proofKey } from "../support/dpop.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type WebHost, webHost } from "../redirect/web-host.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { codeFor, redemption, registerClient, tokenRequest } from "../oauth/flow.ts"
import { decodeJwt } from "jose"
import { eventually } from "../support/gatehouse.ts"
import { WebSocket } from "ws"

let redis: RedisServer
let one: WebHost
let two: WebHost
let key: ProofKey
let token: string
const app = "https://app.localhost:8443"

beforeAll(async () => {
  redis = await redisServer()
  one = await webHost(redis.url)
  two = await webHost(redis.url, one.node.config.MASTER_KEY, false)
  await one.host("app.localhost", { auth_mode: "forward" })
  key = await proofKey()
  const client = await registerClient(one.node)
  const { code, verifier } = await codeFor(one.node, client, one.alice, { resource: app })
  const dpop = await key.proof({ method: "POST", url: `${one.node.issuer}/token` })
  token = (await tokenRequest(one.node, redemption(client, code, verifier), { dpop })).json<{ access_token: string }>()
    .access_token
  const grant = decodeJwt(token)["sid"] as string
  await eventually("both nodes know the grant", async () => two.node.world.objects.grant.has(grant))
})

afterAll(async () => {
  await one?.stop()
  await two?.stop()
  await redis?.stop()
})

const proofOf = (method = "GET", path = "/x") => key.proof({ method, url: app + path, token })
const headersOf = (dpop: string) => ({ authorization: `DPoP ${token}`, dpop })
const ask = async (at: WebHost, dpop: string) => (await at.send(`${app}/x`, { headers: headersOf(dpop) })).status

describe("a proof of possession at the gateways of two nodes", () => {
  it("is good once on both together", async () => {
    const proof = await proofOf()
    expect(await ask(one, proof)).toBe(200)
    const again = await two.send(`${app}/x`, { headers: headersOf(proof) })
    expect(again.status).toBe(401)
    expect(again.headers["www-authenticate"]).toContain('error="invalid_dpop_proof"')
    expect(again.headers["www-authenticate"]).toContain("DPoP realm=")
    expect([await ask(two, await proofOf()), await ask(one, await proofOf())]).toEqual([200, 200])
  })

  it("is good once when both are asked at the same moment", async () => {
    const before = one.reached.length + two.reached.length
    for (let round = 0; round < 10; round += 1) {
      const proof = await proofOf()
      const answers = await Promise.all([one, two, one, two].map((node) => ask(node, proof)))
      expect(answers.sort((a, b) => a - b)).toEqual([200, 401, 401, 401])
    }
    expect(one.reached.length + two.reached.length - before).toBe(10)
  })

  it("is good once for a WebSocket too", async () => {
    const proof = await proofOf("GET", "/")
    const open = (at: WebHost) =>
      new Promise<string>((resolve) => {
        const options: object = {
          headers: { host: "app.localhost:8443", ...headersOf(proof) },
          servername: "app.localhost",
          rejectUnauthorized: false,
        }
        const socket = new WebSocket(`wss://127.0.0.1:${at.edge.httpsPort}/`, [], options)
        socket.on("open", () => socket.send("hello"))
        socket.on("message", (data: Buffer) => (resolve(data.toString()), socket.close()))
        socket.on("unexpected-response", (_, response) => (resolve(String(response.statusCode)), response.destroy()))
        socket.on("error", () => undefined)
      })
    expect([await open(one), await open(two)]).toEqual(["hello", "401"])
  })

  it("is good once on each while the store is away, and requests go on", async () => {
    redis.pause()
    try {
      const proof = await proofOf()
      expect([await ask(one, proof), await ask(two, proof)]).toEqual([200, 200])
      expect([await ask(one, proof), await ask(two, proof)]).toEqual([401, 401])
    } finally {
      redis.resume()
    }
    await eventually("proofs are shared again", async () => {
      const proof = await proofOf()
      return (await ask(one, proof)) === 200 && (await ask(two, proof)) === 401
    })
    expect(one.node.logLines.join("")).toContain("used_proofs_not_shared")
    expect(one.node.logLines.join("")).toContain('"used_proofs_shared"')
  })
})
