import { type Installation, type Node, api, eventually, installation, startNode } from "../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, expect, it } from "vitest"
import { connect } from "node:tls"
import { once } from "node:events"

let redis: RedisServer
let shared: Installation
let one: Node
let two: Node

beforeAll(async () => {
  redis = await redisServer()
  shared = installation(redis.url)
  one = await startNode(shared)
  two = await startNode(shared)
})
afterAll(async () => {
  await one?.stop()
  await two?.stop()
  await redis?.stop()
})

const host = "shop.internal"
const base = "/api/v1/certificates"

async function owner(name: string): Promise<string> {
  const made = await one.api<{ token: string }>("POST", "/api/v1/tokens", { name, cert_email: `${name}@example.com` })
  return made.body.token
}

type Body = Record<string, string>
const call = (node: Node, token: string, method: string, path: string, body?: object) =>
  api<Body>(node.apiPort, token, method, path, body)
const named = async (answer: ReturnType<typeof call>) => {
  const { status, body } = await answer
  return [status, body["code"]]
}
const active = (token: string, name: string) =>
  eventually(`${name} is there on both nodes`, async () => {
    const seen = await Promise.all([one, two].map((node) => call(node, token, "GET", `${base}/${name}`)))
    return seen.every(({ body }) => body["status"] === "active") && seen[0]!.body["fingerprint_sha256"]
  })

/** Fingerprint of what a node serves for the host. */
async function served(node: Node): Promise<string | undefined> {
  const socket = connect({ host: "127.0.0.1", port: node.httpsPort, servername: host, rejectUnauthorized: false })
  try {
    await once(socket, "secureConnect")
    return socket.getPeerCertificate().fingerprint256?.replaceAll(":", "").toLowerCase()
  } finally {
    socket.destroy()
  }
}

it("an owner's certificate is worth nothing here once the host is another's, on every node", async () => {
  const [alice, bob] = [await owner("alice"), await owner("bob")]
  expect((await call(one, alice, "POST", base, { domain: host, cert_name: "hers" })).status).toBe(201)
  const hers = await active(alice, "hers")
  const key = (node: Node) => call(node, alice, "GET", `${base}/hers?include_private_key=true`)
  expect((await key(two)).body["private_key_pem"]).toContain("PRIVATE KEY")

  const made = await call(two, bob, "POST", "/api/v1/proxy/targets", {
    hostname: host,
    target_url: "http://backend.example:8080",
  })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  const his = await active(bob, made.body["cert_name"]!)
  for (const node of [one, two]) {
    expect(await named(key(node))).toEqual([403, "domain_claimed"])
    expect(await named(call(node, alice, "POST", `${base}/hers/renew`))).toEqual([403, "domain_claimed"])
    const seen = await call(node, alice, "GET", `${base}/hers`)
    expect([seen.status, seen.body], "she may look at it").toMatchObject([
      200,
      { next_renewal_at: null, last_error: { code: "domain_claimed" }, status: "active" },
    ])
    // The key is opened before it is served, a moment after the certificate is told of.
    await eventually("his is served", async () => (await served(node)) === his)
    expect(hers).not.toBe(his)
  }

  expect((await call(one, alice, "DELETE", `${base}/hers`)).status).toBe(200)
  expect(await named(call(two, alice, "POST", base, { domain: host, cert_name: "hers" }))).toEqual([
    403,
    "domain_claimed",
  ])
})
