import { type AcmeRelay, startAcmeRelay } from "../support/acme-relay.ts"
import { type AcmeSession, acmeSession, httpChallenge } from "../../src/effects/acme-session.ts"
import { type Pebble, startPebble } from "../support/pebble.ts"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { generateKey, signingRequest } from "../../src/effects/keys.ts"
import { type Server, createServer } from "node:http"
import { once } from "node:events"
import { verifyChain } from "../../src/effects/issued-chain.ts"

let pebble: Pebble
let relay: AcmeRelay
let answers: Map<string, string>
let challengeServer: Server
const opened: AcmeSession[] = []

beforeAll(async () => {
  pebble = await startPebble()
  relay = await startAcmeRelay(pebble)
  challengeServer = createServer((incoming, outgoing) => {
    const answer = answers.get((incoming.url ?? "").replace("/.well-known/acme-challenge/", ""))
    outgoing.writeHead(answer === undefined ? 404 : 200).end(answer)
  }).listen(pebble.httpPort, "127.0.0.1")
  await once(challengeServer, "listening")
})
afterAll(async () => {
  challengeServer.close()
  await relay.stop()
  await pebble.stop()
})
beforeEach(() => {
  answers = new Map()
  relay.fault = () => undefined
  relay.seen.length = 0
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((session) => session.close()))
})

async function open(
  directoryUrl: string,
  options: { signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<AcmeSession> {
  const { pem } = await generateKey("ecdsa-p256", 0)
  const session = await acmeSession({
    directoryUrl,
    accountKeyPem: pem,
    signal: options.signal ?? new AbortController().signal,
    timeoutMs: options.timeoutMs ?? 5000,
    now: () => new Date(),
  })
  opened.push(session)
  return session
}

/** Runs an order to its chain, with no recovery: what fails, fails. */
async function issue(session: AcmeSession, domains: string[]): Promise<string> {
  let order = await session.createOrder(domains)
  for (const url of order.authorizations) {
    const challenge = httpChallenge(await session.authorization(url))
    answers.set(challenge.token, await session.keyAuthorization(challenge.token))
    await session.answer(challenge)
  }
  const key = await generateKey("ecdsa-p256", 0)
  const wait = async (status: string) => {
    while (order.status !== status) {
      expect(order.status).not.toBe("invalid")
      await new Promise((resolve) => setTimeout(resolve, 50))
      order = await session.order(order.url)
    }
  }
  await wait("ready")
  order = await session.finalize(order, await signingRequest(domains, key))
  await wait("valid")
  return verifyChain(await session.download(order), key.pem, domains, new Date()).fullchain_pem
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe("a session with a CA", () => {
  test("registers, orders, answers, finalizes and downloads", async () => {
    const session = await open(relay.directoryUrl)
    expect(await session.register("someone@example.org")).toMatch(/^https:\/\/localhost:/)
    expect(await issue(session, ["one.example.com", "two.example.com"])).toMatch(/^-----BEGIN/)
  })

  test("succeeds although the CA refuses half of the nonces", async () => {
    await pebble.kill()
    await pebble.start({ PEBBLE_WFE_NONCEREJECT: "50" })
    for (let round = 0; round < 5; round++) {
      const session = await open(pebble.directoryUrl)
      await session.register(null)
      expect(await issue(session, [`nonce${round}.example.com`])).toMatch(/^-----BEGIN/)
    }
    await pebble.kill()
    await pebble.start()
  })

  test("names a CA that is down, with the reason", async () => {
    const session = await open("https://localhost:1/dir")
    expect(await failure(session.register(null))).toMatchObject({
      code: "acme_unreachable",
      message: expect.stringContaining("ECONNREFUSED"),
    })
  })

  test("names a CA whose certificate is not trusted", async () => {
    const other = await startPebble()
    const { getCACertificates, setDefaultCACertificates } = await import("node:tls")
    setDefaultCACertificates(getCACertificates("default").filter((pem) => pem.trim() !== other.caPem.trim()))
    const session = await open(other.directoryUrl)
    expect(await failure(session.register(null))).toMatchObject({ code: "acme_unreachable" })
    await other.stop()
  })

  test("gives up on a hanging CA at the deadline of a call", async () => {
    relay.fault = () => ({ kind: "hang" })
    const session = await open(relay.directoryUrl, { timeoutMs: 200 })
    const began = performance.now()
    expect(await failure(session.register(null))).toMatchObject({ code: "acme_unreachable" })
    // Three tries with their pauses take 1.4 s; at the deadline of other sessions they would take more than 15.
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  test("ends at once when its signal is aborted", async () => {
    relay.fault = () => ({ kind: "hang" })
    const stop = new AbortController()
    const session = await open(relay.directoryUrl, { signal: stop.signal })
    const outcome = failure(session.register(null))
    setTimeout(() => stop.abort(new Error("stopped")), 50)
    expect(await outcome).toMatchObject({ message: "stopped" })
  })

  test("reads a 5xx twice more before it fails", async () => {
    relay.fault = (_method, path) => (path === "/dir" ? { kind: "answer", status: 500 } : undefined)
    const session = await open(relay.directoryUrl)
    expect(await failure(session.register(null))).toMatchObject({ code: "acme_unreachable", retryAfter: undefined })
    expect(relay.seen.filter((line) => line === "GET /dir")).toHaveLength(3)
  })

  test.each([
    ["120", 120_000],
    ["9999999", 86_400_000],
    ["-5", undefined],
    ["soon", undefined],
  ])("hands on Retry-After %s without sleeping", async (header, milliseconds) => {
    relay.fault = (_method, path) =>
      path.includes("order-plz")
        ? {
            kind: "answer",
            status: 429,
            headers: { "retry-after": header, "content-type": "application/problem+json" },
            body: JSON.stringify({ type: "urn:ietf:params:acme:error:rateLimited", detail: "too many" }),
          }
        : undefined
    const session = await open(relay.directoryUrl)
    await session.register(null)
    expect(await failure(session.createOrder(["limited.example.com"]))).toMatchObject({
      code: "acme_rate_limited",
      retryAfter: milliseconds,
      message: "rateLimited: too many",
    })
  })

  test("knows that an account is gone", async () => {
    const session = await open(pebble.directoryUrl)
    await session.register(null)
    await pebble.kill()
    await pebble.start()
    expect(await failure(session.createOrder(["lost.example.com"]))).toMatchObject({ code: "acme_account_lost" })
  })

  test("shows why a name was refused, and that it stays refused", async () => {
    const session = await open(pebble.directoryUrl)
    await session.register(null)
    expect(await failure(session.createOrder(["blocked.example"]))).toMatchObject({
      code: "acme_order_invalid",
      permanent: true,
      message: expect.stringContaining("rejectedIdentifier"),
    })
  })

  test("goes nowhere but to the directory's origin", async () => {
    const rewrite = (body: (text: string) => string) => {
      relay.fault = (_method, path) =>
        path === "/dir" || path.includes("order-plz") ? { kind: "rewrite", body } : undefined
    }
    rewrite((text) => text.replaceAll(`:${relay.port}/authZ`, ":1/authZ"))
    const session = await open(relay.directoryUrl)
    await session.register(null)
    const order = await session.createOrder(["away.example.com"])
    expect(await failure(session.authorization(order.authorizations[0]!))).toMatchObject({
      code: "acme_bad_answer",
      message: expect.stringContaining("away from its directory"),
    })
  })

  test.each([
    ["garbage", () => "<html>hello</html>"],
    ["nothing", () => ""],
    ["an endless answer", () => "x".repeat(2_000_000)],
    ["an order without authorizations", (text: string) => JSON.stringify({ ...JSON.parse(text), authorizations: [] })],
    ["an order with an unknown status", (text: string) => JSON.stringify({ ...JSON.parse(text), status: "fine" })],
  ])("takes %s for a bad answer", async (_name, body) => {
    const session = await open(relay.directoryUrl)
    await session.register(null)
    relay.fault = (_method, path) => (path.includes("order-plz") ? { kind: "rewrite", body } : undefined)
    expect(await failure(session.createOrder(["bad.example.com"]))).toMatchObject({ code: "acme_bad_answer" })
  })

  test("follows no redirect", async () => {
    relay.fault = () => ({ kind: "answer", status: 302, headers: { location: pebble.directoryUrl } })
    const session = await open(relay.directoryUrl)
    expect(await failure(session.register(null))).toMatchObject({ code: "acme_bad_answer" })
  })
})
