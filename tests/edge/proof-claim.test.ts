import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import type { Guard } from "../../src/edge/guard.ts"
import { rawClient } from "../support/raw-client.ts"
import { until } from "../support/until.ts"

let upstream: Recorder
let edge: TestEdge
let claims: { id: string; settle: (first: boolean) => void }[] = []
let allowed = true

const refused = { pass: false, status: 401, headers: [], body: "seen before", reason: "proof_replayed" } as const
const identity = { subject: "s", clientId: "c", grantId: "g", expires: 4_000_000_000 }
/** Every request comes with a proof that its path names. */
const guard: Guard = {
  check: (_, { path }) => ({
    pass: true,
    headers: ["X-Auth-User-Id", "s"],
    protected: true,
    identity,
    nonce: "n1",
    proof: { id: path, replayed: () => refused },
  }),
  claims: () => undefined,
  stillAllowed: () => allowed,
}

beforeAll(async () => {
  upstream = await recorder()
  const claimProof = (id: string) => new Promise<boolean>((settle) => void claims.push({ id, settle }))
  edge = await testEdge({}, { guard, claimProof })
})
afterAll(async () => {
  await edge.close(0)
  await upstream.close()
})
beforeEach(() => {
  upstream.reset()
  upstream.respond = ({ socket }) =>
    void socket.write("HTTP/1.1 200 OK\r\nDPoP-Nonce: theirs\r\nContent-Length: 2\r\n\r\nok")
  claims = []
  allowed = true
  edge.proxy("a.test", upstream.port)
})

/** Sends a request, and waits until its proof is asked about. */
async function send(text: string) {
  const client = await rawClient(edge.httpPort)
  client.socket.write(text)
  await until(() => claims.length === 1)
  return client
}
const get = "GET /one HTTP/1.1\r\nHost: a.test\r\n\r\n"

describe("a request that waits for the word on its proof", () => {
  it("goes on when no node saw it, with its body, and brings the next nonce instead of the backend's", async () => {
    const client = await send("POST /one HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhe")
    client.socket.write("llo")
    expect(claims[0]!.id).toBe("/one")
    expect(upstream.requests).toEqual([])
    claims[0]!.settle(true)
    const answer = await client.until((text) => text.endsWith("ok"))
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer.match(/dpop-nonce: .*/gi)).toEqual(["DPoP-Nonce: n1"])
    expect(upstream.requests).toHaveLength(1)
  })

  it("keeps its own headers though others come in between", async () => {
    const first = await send(
      "GET /one HTTP/1.1\r\nHost: a.test\r\nX-Real-IP: 192.0.2.1\r\nAuthorization: DPoP t\r\nX-Mine: yes\r\n\r\n",
    )
    const second = await rawClient(edge.httpPort)
    second.socket.write("GET /two HTTP/1.1\r\nHost: a.test\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n")
    await until(() => claims.length === 2)
    claims[0]!.settle(true)
    await first.until((text) => text.endsWith("ok"))
    const headers = upstream.requests[0]!.headers.join("\n")
    expect(headers).toContain("X-Mine: yes")
    expect(headers).not.toMatch(/192\.0\.2\.1|DPoP t/)
    claims[1]!.settle(true)
    await second.until((text) => text.endsWith("ok"))
  })

  it("is refused when one did, or when it may no longer pass", async () => {
    const used = await send(get)
    claims[0]!.settle(false)
    expect(await used.until((text) => text.includes("seen before"))).toMatch(/^HTTP\/1\.1 401 /)
    claims = []
    const late = await send(get)
    allowed = false
    claims[0]!.settle(true)
    expect(await late.until((text) => text.includes("seen before"))).toMatch(/^HTTP\/1\.1 401 /)
    expect(upstream.requests).toEqual([])
    await until(() => edge.records.filter(({ reason }) => reason === "proof_replayed").length === 2)
  })

  it("finds its host gone", async () => {
    const client = await send(get)
    edge.projections.append("proxy", "a.test", "ProxyDeleted", { hostname: "a.test" })
    claims[0]!.settle(true)
    expect(await client.until((text) => text.includes("\r\n\r\n"))).toMatch(/^HTTP\/1\.1 404 /)
    expect(upstream.requests).toEqual([])
  })

  it("is forgotten when its client goes away", async () => {
    const client = await send(get)
    const open = edge.status().connections
    client.socket.destroy()
    await until(() => edge.status().connections === open - 1)
    claims[0]!.settle(true)
    claims = []
    const next = await send(get)
    claims[0]!.settle(true)
    await next.until((text) => text.endsWith("ok"))
    expect(upstream.requests, "of the second alone").toHaveLength(1)
  })
})
