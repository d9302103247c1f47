import { type Browser, type Page, browser } from "../support/browser.ts"
import { type Installation, type Node, installation, soonTakenOver, startNode } from "../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { Agent, fetch } from "undici"
import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { freePort } from "../support/ports.ts"
import { join } from "node:path"
import { once } from "node:events"
import { tmpdir } from "node:os"

/** Kills at each point, in a run of everything; `just test-crash-points` makes it 20. */
const passes = Number(process.env["CRASH_PASSES"] ?? "1")
vi.setConfig({ testTimeout: 30_000 + passes * 30_000, hookTimeout: 60_000 })

let redis: RedisServer
let shared: Installation
let ports: Record<string, string>
let home: string
let alice: string
let client: string
let node: Node
const redirect = "http://127.0.0.1:33418/callback"
const dispatcher = new Agent({
  connect: {
    rejectUnauthorized: false,
    lookup: (_name, options, done) =>
      options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
  },
})

beforeAll(install)
afterAll(async () => {
  await remove()
  await dispatcher.close()
})

/** An installation with a person and a client. */
async function install(): Promise<void> {
  redis = await redisServer()
  shared = installation(redis.url)
  home = mkdtempSync(join(tmpdir(), "gatehouse-oauth-crash-"))
  ports = {
    GATEHOUSE_HOME: home,
    HTTP_PORT: String(await freePort()),
    HTTPS_PORT: String(await freePort()),
    API_PORT: String(await freePort()),
  }
  await start()
  const token = await node.api<{ token: string }>("POST", "/api/v1/tokens", {
    name: "alice",
    cert_email: "a@example.com",
  })
  alice = token.body.token
  const registered = await node.api<{ client_id: string }>("POST", "/api/v1/oauth/clients", {
    client_name: "Crash test",
    redirect_uris: [redirect],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: "none",
  })
  client = registered.body.client_id
}

async function remove(): Promise<void> {
  await node?.stop()
  await redis?.stop()
  rmSync(home, { recursive: true, force: true })
}

async function start(crashAt?: string): Promise<void> {
  const settings = { ...soonTakenOver, ...ports }
  node = await startNode(shared, { ...settings, ...(crashAt !== undefined && { CRASH_AT: crashAt }) })
}

/** Starts a node that will crash at a point, does something with it, waits for its death, and starts it again. */
async function crashAt(point: string, what: () => Promise<unknown>): Promise<void> {
  await node.stop()
  await start(point)
  const died = once(node.child, "exit")
  await expect(what(), "the answer is lost").rejects.toThrow()
  expect((await died)[1]).toBe("SIGKILL")
  await start()
}

async function eachPass(run: () => Promise<void>): Promise<void> {
  for (let pass = 1; pass <= passes; pass += 1) await run()
}

const at = (path: string) => `https://auth.localhost:${ports["HTTPS_PORT"]}${path}`

/** The answer to the login of an authorization: a redirect with the code. */
async function authorize(verifier: string, who: Browser = browser(dispatcher)): Promise<Page> {
  const query = new URLSearchParams({
    response_type: "code",
    client_id: client,
    redirect_uri: redirect,
    scope: "offline_access",
    state: "s",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  })
  const decided = await who.submit(await who.fetch(at(`/authorize?${query.toString()}`)), { decision: "allow" })
  return who.submit(await who.fetch(decided.location!), { token: alice })
}

const newVerifier = () => randomBytes(32).toString("base64url")

async function newCode(): Promise<{ code: string; code_verifier: string }> {
  const code_verifier = newVerifier()
  const page = await authorize(code_verifier)
  return { code: new URL(page.location!).searchParams.get("code")!, code_verifier }
}

interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly error?: string
}

async function token(form: Record<string, string>): Promise<{ status: number; body: Tokens }> {
  const body = new URLSearchParams({ client_id: client, ...form }).toString()
  const headers = { "content-type": "application/x-www-form-urlencoded" }
  const answer = await fetch(at("/token"), { method: "POST", dispatcher, headers, body })
  return { status: answer.status, body: (await answer.json()) as Tokens }
}

const redeem = (code: { code: string; code_verifier: string }) =>
  token({ grant_type: "authorization_code", redirect_uri: redirect, ...code })
const refresh = (refresh_token: string) => token({ grant_type: "refresh_token", refresh_token })
const verify = async (access: string) =>
  (await fetch(at("/verify"), { dispatcher, headers: { authorization: `Bearer ${access}` } })).status
const grants = async () =>
  (await node.api<{ sessions: { session_id: string }[] }>("GET", "/api/v1/oauth/sessions?kind=grant")).body.sessions

/** What must hold after every crash: a client can come in from the beginning to its end. */
async function expectWhole(): Promise<void> {
  const { status, body } = await redeem(await newCode())
  expect(status).toBe(200)
  expect(await verify(body.access_token)).toBe(200)
  const next = await refresh(body.refresh_token)
  expect(next.status).toBe(200)
  const health = await node.api<{ status: string }>("GET", "/health")
  expect([health.status, health.body.status]).toEqual([200, "healthy"])
}

describe("an authorization server that is killed", () => {
  it.each(["oauth.codeRedeemed", "oauth.tokenStored"])(
    "at %s has used the code up: its second use gets nothing and ends the grant",
    (point) =>
      eachPass(async () => {
        const code = await newCode()
        await crashAt(point, () => redeem(code))
        const again = await redeem(code)
        expect([again.status, again.body.error]).toEqual([400, "invalid_grant"])
        expect((await grants()).map(({ session_id }) => session_id)).not.toContain(code.code.split(".")[0])
        await expectWhole()
      }),
  )

  it("at oauth.refreshRotated gives the same successor to the client that asks again", () =>
    eachPass(async () => {
      const { body } = await redeem(await newCode())
      await crashAt("oauth.refreshRotated", () => refresh(body.refresh_token))
      const [first, second] = [await refresh(body.refresh_token), await refresh(body.refresh_token)]
      expect([first.status, second.status]).toEqual([200, 200])
      expect(second.body.refresh_token).toBe(first.body.refresh_token)
      expect(first.body.refresh_token).not.toBe(body.refresh_token)
      expect((await refresh(first.body.refresh_token)).status).toBe(200)
      expect((await refresh(body.refresh_token)).status, "the successor was used").toBe(400)
      await expectWhole()
    }))

  it("at oauth.grantRecorded leaves a grant without tokens, and lets the person begin again", () =>
    eachPass(async () => {
      const before = await grants()
      await crashAt("oauth.grantRecorded", () => authorize(newVerifier()))
      expect(await grants(), "nothing of it can be used").toEqual(before)
      await expectWhole()
    }))

  it("at oauth.keyRotated has made one key, which the same request names and another is refused for", () =>
    eachPass(async () => {
      type Rotated = { kid: string; code?: string; keys: { kid: string; status: string }[] }
      const rotate = (key: string) =>
        node.api<Rotated>("POST", "/api/v1/oauth/keys", undefined, { "idempotency-key": key })
      await crashAt("oauth.keyRotated", () => rotate("once"))
      const listed = await node.api<Rotated>("GET", "/api/v1/oauth/keys")
      expect(listed.body.keys.map(({ status }) => status)).toEqual(["waiting", "signing"])
      const again = await rotate("once")
      expect([again.status, again.body.kid]).toEqual([201, listed.body.keys[0]!.kid])
      const another = await rotate("twice")
      expect([another.status, another.body.code]).toEqual([409, "invalid_state"])
      await expectWhole()
      // The next key can be made ten minutes later, or in another installation.
      await remove()
      await install()
    }))
})
