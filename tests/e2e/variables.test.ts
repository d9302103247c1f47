import { type Node, eventually, installation, startNode } from "../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { Agent, request } from "undici"
import { afterAll, beforeAll, expect, test } from "vitest"
import { rawExchange, statuses } from "../support/raw-client.ts"
import { X509Certificate } from "node:crypto"
import { connect } from "node:tls"
import { once } from "node:events"

/** A sample of variables whose effect no other test sees from outside, on one real node. */
const set = {
  BASE_DOMAIN: "gate.internal",
  SELF_SIGNED_CN: "default.gate.internal",
  SELF_SIGNED_DAYS: "7",
  RSA_KEY_SIZE: "3072",
  RENEWAL_THRESHOLD_DAYS: "3",
  CERT_STATUS_RETENTION_SECONDS: "1",
  ACME_DIRECTORY_URL: "http://127.0.0.1:1/directory",
  ACME_STAGING_URL: "http://127.0.0.1:1/staging",
  ADMIN_EMAIL: "root@example.com",
  API_MAX_BODY_BYTES: "2048",
  TARGET_ALLOW_CIDRS: "10.9.0.0/16",
  SERVICE_ALLOWED_IMAGES: "nginx",
  SERVICE_PORT_RANGE: "23000-23000",
  SERVICE_NETWORKS: "own_network",
  ADMIN_HOSTS: "admin.gate.internal",
  PUBLIC_HTTPS_PORT: "443",
  OAUTH_ACCESS_TOKEN_LIFETIME: "60",
  OAUTH_CLIENT_LIFETIME: "120",
  OAUTH_JWT_ALGORITHM: "ES256",
  OAUTH_JWT_SECRET: "not-used-at-all-here",
  FETCHER_NAVIGATION_TIMEOUT: "31",
  LOG_LEVEL: "warning",
  DOCKER_HOST: "unix:///nowhere/docker.sock",
}

let redis: RedisServer
let node: Node
let alice: string
beforeAll(async () => {
  redis = await redisServer()
  node = await startNode(installation(redis.url), set)
  alice = (await node.api<{ token: string }>("POST", "/api/v1/tokens", { name: "alice" })).body.token
})
afterAll(async () => {
  await node.stop()
  await redis.stop()
})

const target_url = "http://93.184.216.34"
const asAlice = (method: string, path: string, body?: unknown) =>
  node.api<Record<string, unknown>>(method, path, body, { authorization: `Bearer ${alice}` })

/** What the OAuth host answers, asked for over the edge. */
async function oauthHost(path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const dispatcher = new Agent({ connect: { servername: "auth.gate.internal", rejectUnauthorized: false } })
  const answer = await request(`https://127.0.0.1:${node.httpsPort}${path}`, {
    dispatcher,
    method: body === undefined ? "GET" : "POST",
    headers: { host: "auth.gate.internal", "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const answered = (await answer.body.json()) as Record<string, unknown>
  await dispatcher.close()
  return { status: answer.statusCode, body: answered }
}

test("the default certificate has SELF_SIGNED_CN and lives SELF_SIGNED_DAYS", async () => {
  const socket = connect({ port: node.httpsPort, rejectUnauthorized: false })
  await once(socket, "secureConnect")
  const { subject, valid_from, valid_to } = socket.getPeerCertificate()
  socket.destroy()
  expect(subject.CN).toBe("default.gate.internal")
  expect(Math.round((Date.parse(valid_to) - Date.parse(valid_from)) / 86_400_000)).toBeLessThanOrEqual(8)
})

test("a certificate has RSA_KEY_SIZE bits, is due at RENEWAL_THRESHOLD_DAYS, and its end is told for a while", async () => {
  await node.api("POST", "/api/v1/certificates", { cert_name: "sized", domain: "sized.internal" })
  const { body } = await node.api<Record<string, string>>(
    "GET",
    "/api/v1/certificates/sized/status?wait=true&timeout=20",
  )
  expect(body["status"]).toBe("active")
  const shown = (await node.api<Record<string, string>>("GET", "/api/v1/certificates/sized")).body
  const certificate = new X509Certificate(shown["fullchain_pem"]!)
  expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(3072)
  const early = Date.parse(shown["expires_at"]!) - Date.parse(shown["next_renewal_at"]!)
  expect(early / 86_400_000).toBe(3)
  await eventually("the ended generation is forgotten", async () => {
    const status = await node.api<{ generation: { state: string } }>("GET", "/api/v1/certificates/sized/status")
    return status.body.generation.state === "idle"
  })
})

test("certificates of public names go to ACME_DIRECTORY_URL or ACME_STAGING_URL, on account of ADMIN_EMAIL", async () => {
  for (const [staging, directory] of [
    [false, set.ACME_DIRECTORY_URL],
    [true, set.ACME_STAGING_URL],
  ] as const) {
    const cert_name = `public-${staging}`
    await node.api("POST", "/api/v1/certificates", { cert_name, domain: "www.example.com", staging })
    const { body } = await node.api<Record<string, string>>("GET", `/api/v1/certificates/${cert_name}`)
    expect([body["acme_directory_url"], body["email"]]).toEqual([directory, set.ADMIN_EMAIL])
  }
})

test("API_MAX_BODY_BYTES, TARGET_ALLOW_CIDRS, SERVICE_* and ADMIN_HOSTS are the limits that callers meet", async () => {
  const large = await node.api("POST", "/api/v1/instances", { name: "x", target_url, description: "x".repeat(2048) })
  expect(large.status).toBe(413)
  const allowed = await asAlice("POST", "/api/v1/instances", { name: "near", target_url: "http://10.9.1.1" })
  const refused = await asAlice("POST", "/api/v1/instances", { name: "far", target_url: "http://10.8.1.1" })
  expect([allowed.status, refused.status]).toEqual([201, 422])
  const other = await asAlice("POST", "/api/v1/services", { service_name: "other", image: "redis" })
  expect([other.status, other.body["code"]]).toEqual([403, "image_not_allowed"])
  const first = await asAlice("POST", "/api/v1/services", { service_name: "one", image: "nginx" })
  const { network, allocated_port } = first.body["service"] as { network: string; allocated_port: number }
  expect([first.status, network, allocated_port]).toEqual([201, "own_network", 23_000])
  const second = await asAlice("POST", "/api/v1/services", { service_name: "two", image: "nginx" })
  expect([second.status, second.body["code"]]).toEqual([409, "port_in_use"])
  const own = await node.api("POST", "/api/v1/proxy/targets", { hostname: "admin.gate.internal", target_url })
  expect([own.status, own.body["code"]]).toEqual([422, "reserved_name"])
})

test("the API at ADMIN_HOSTS takes bodies in every framing", async () => {
  const ask = async (framing: string, content: string) => {
    const head = `POST /api/v1/tokens HTTP/1.1\r\nHost: admin.gate.internal\r\nAuthorization: Bearer ${node.adminToken}\r\n`
    const text = `${head}Content-Type: application/json\r\nConnection: close\r\n${framing}\r\n${content}`
    return statuses(await rawExchange(node.httpsPort, text, "admin.gate.internal"))
  }
  expect(await ask("", "")).toEqual([422])
  expect(await ask("Content-Length: 0\r\n", "")).toEqual([422])
  expect(await ask("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")).toEqual([422])
  expect(await ask("Content-Length: 14\r\n", '{"name":"bob"}')).toEqual([201])
  expect(await ask("Transfer-Encoding: chunked\r\n", '7\r\n{"name"\r\n7\r\n:"eve"}\r\n0\r\n\r\n')).toEqual([201])
  expect(await ask("Transfer-Encoding: chunked\r\n", `900\r\n${" ".repeat(0x900)}\r\n0\r\n\r\n`)).toEqual([413])
})

test("the authorization server is at BASE_DOMAIN and PUBLIC_HTTPS_PORT, signs as told and forgets clients in time", async () => {
  const metadata = await oauthHost("/.well-known/oauth-authorization-server")
  expect(metadata.body["issuer"]).toBe("https://auth.gate.internal")
  const keys = (await oauthHost("/jwks")).body["keys"] as { alg: string }[]
  expect(keys.map(({ alg }) => alg)).toEqual(["ES256"])
  const registered = await oauthHost("/register", { client_name: "c", redirect_uris: ["http://localhost/cb"] })
  expect(registered.status).toBe(201)
  const { body } = await node.api<{ created_at: string; expires_at: string }>(
    "GET",
    `/api/v1/oauth/clients/${registered.body["client_id"] as string}`,
  )
  expect((Date.parse(body.expires_at) - Date.parse(body.created_at)) / 1000).toBeCloseTo(120, -1)
})

test("LOG_LEVEL hides what is below it, and what a variable cannot do is warned of at the start", () => {
  const lines = node
    .log()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, string>)
  expect(new Set(lines.map((line) => line["level"]?.toLowerCase()))).not.toContain("info")
  const warned = lines.filter((line) => line["event"] === "configuration").map((line) => line["variable"])
  expect(new Set(warned)).toEqual(new Set(["FETCHER_NAVIGATION_TIMEOUT", "OAUTH_JWT_SECRET"]))
})
