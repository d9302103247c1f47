import type { Browser, BrowserContext, Page } from "playwright-core"
import { type IncomingMessage, type Server, createServer } from "node:http"
import { type Node, eventually, installation, startNode } from "../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { AddressInfo } from "node:net"
import { WebSocketServer } from "ws"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { startChromium } from "../support/chromium.ts"

let redis: RedisServer
let node: Node
let chromium: Browser
let application: Server
let alice: string
const reached: { method: string; url: string; user: string | undefined; cookie: string | undefined }[] = []

/** A web application that shows who is there, posts a form by itself, and talks over a WebSocket. */
const html = `<!doctype html><title>Reports</title><h1>Reports</h1><form method="post" action="/.gatehouse/logout"><button id="out">Sign out</button></form>
<script>
document.cookie = "theirs=1; path=/"
window.post = () => fetch("/api/save", { method: "POST", body: "x" }).then((answer) => answer.status)
window.talk = () => new Promise((resolve) => {
  window.socket = new WebSocket("wss://" + location.host + "/socket")
  window.gone = new Promise((done) => (window.socket.onclose = (event) => done(event.code)))
  window.socket.onopen = () => window.socket.send("hello")
  window.socket.onmessage = (event) => resolve(event.data)
  window.socket.onerror = () => resolve("error")
})
</script>`

beforeAll(async () => {
  redis = await redisServer()
  application = createServer((req: IncomingMessage, res) => {
    const { method = "", url = "", headers } = req
    reached.push({ method, url, user: headers["x-auth-user-name"] as string | undefined, cookie: headers.cookie })
    req.resume()
    res.writeHead(200, { "content-type": "text/html" }).end(html)
  }).listen(0, "127.0.0.1")
  new WebSocketServer({ server: application }).on("connection", (socket) =>
    socket.on("message", (data, binary) => socket.send(data, { binary })),
  )
  await once(application, "listening")
  node = await startNode(installation(redis.url))
  const token = await node.api<{ token: string }>("POST", "/api/v1/tokens", {
    name: "alice",
    cert_email: "alice@example.com",
  })
  alice = token.body.token
  for (const [hostname, settings] of [
    ["app.localhost", { auth_required_users: ["alice"] }],
    ["mcp.localhost", { auth_mode: "forward" }],
  ] as const) {
    await done(201, "/api/v1/proxy/targets", {
      hostname,
      target_url: `http://127.0.0.1:${(application.address() as AddressInfo).port}`,
    })
    const auth = { auth_proxy: "auth.localhost", auth_mode: "redirect", ...settings }
    await done(200, `/api/v1/proxy/targets/${hostname}/auth`, auth)
  }
  await done(200, "/api/v1/proxy/targets/mcp.localhost/mcp", {})
  chromium = await startChromium()
})

afterAll(async () => {
  await chromium?.close()
  await node?.stop()
  application?.closeAllConnections()
  application?.close()
  await redis?.stop()
})

async function done(status: number, path: string, body: unknown): Promise<void> {
  const answer = await node.api("POST", path, body)
  if (answer.status !== status) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
}

const at = (host: string, path = "/") => `https://${host}.localhost:${node.httpsPort}${path}`

/** A browser of its own, and what it complains about: a page of ours that breaks its own policy is broken. */
async function somebody(): Promise<{ context: BrowserContext; page: Page; complaints: string[] }> {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on("console", (message) => {
    const about = `${message.text()} ${message.location().url}`
    // The browser asks for one when it likes, also after the session has ended.
    if (message.type() === "error" && !about.includes("favicon")) complaints.push(about)
  })
  page.on("pageerror", (error) => complaints.push(error.message))
  return { context, page, complaints }
}

/** Opens a page. Chromium gives up what it loads when an interface of this machine comes or goes, as those of containers do. */
async function visit(page: Page, url: string, tries = 5): Promise<void> {
  try {
    await page.goto(url)
  } catch (error) {
    if (tries === 0 || !/ERR_NETWORK_CHANGED|chrome-error:/.test(String(error))) throw error
    await visit(page, url, tries - 1)
  }
}

async function signIn(page: Page, token = alice): Promise<void> {
  await page.getByLabel("API token").fill(token)
  await page.getByRole("button", { name: "Sign in" }).click()
}

const sessions = async () =>
  (
    await node.api<{ sessions: { session_id: string; user: string; accessed_proxies: string[] | null }[] }>(
      "GET",
      "/api/v1/oauth/sessions?kind=browser",
    )
  ).body.sessions

describe("a web application in a real browser", () => {
  it("asks for a sign-in, works with scripts and WebSockets, and is closed by signing out", async () => {
    const { context, page, complaints } = await somebody()
    await visit(page, at("app", "/reports?year=2026"))
    expect(new URL(page.url()).host).toBe(`auth.localhost:${node.httpsPort}`)
    await signIn(page)
    await page.waitForURL(at("app", "/reports?year=2026"))
    expect(await page.textContent("h1")).toBe("Reports")
    // Among them are requests of the browser's own, for an icon.
    const last = (path: string) => reached.findLast(({ url }) => url.startsWith(path))
    expect(last("/reports")).toMatchObject({ method: "GET", user: "alice" })
    const cookies = await context.cookies(at("app"))
    expect(cookies.find(({ name }) => name === "__Host-gh_access")).toMatchObject({
      httpOnly: true,
      secure: true,
      sameSite: "Lax",
      path: "/",
      domain: "app.localhost",
    })
    expect(cookies.map(({ name }) => name)).not.toContain("__Host-gh_login")
    expect(await page.evaluate("document.cookie")).toBe("theirs=1")
    expect(await page.evaluate("post()")).toBe(200)
    expect(last("/api")).toEqual({ method: "POST", url: "/api/save", user: "alice", cookie: "theirs=1" })
    expect(await page.evaluate("talk()")).toBe("hello")

    const [session] = await eventually("the session's use is counted", async () => {
      const found = await sessions()
      return found[0]?.accessed_proxies?.length === 1 && found
    })
    expect(session).toMatchObject({ user: "alice", accessed_proxies: ["app.localhost"] })

    // A second tab is signed in without a question.
    const tab = await context.newPage()
    await visit(tab, at("app", "/second"))
    expect(await tab.textContent("h1")).toBe("Reports")

    await page.click("#out")
    await page.waitForURL((url) => url.pathname === "/logout")
    await page.getByRole("button", { name: "Sign out" }).click()
    await page.waitForURL((url) => url.pathname === "/login")
    expect(await tab.evaluate("post()")).toBe(401)
    await visit(tab, at("app", "/second"))
    expect(new URL(tab.url()).pathname).toBe("/login")
    expect(complaints).toEqual([])
    await context.close()
  })

  it("shares its sign-in with the consent for an MCP client, and the other way round", async () => {
    const callback = createServer((_, res) => res.end("<h1>Back at the client</h1>")).listen(0, "127.0.0.1")
    await once(callback, "listening")
    const redirect = `http://127.0.0.1:${(callback.address() as AddressInfo).port}/callback`
    const { context, page, complaints } = await somebody()
    const registered = await node.api<{ client_id: string }>("POST", "/api/v1/oauth/clients", {
      client_name: "Desktop client",
      redirect_uris: [redirect],
      grant_types: ["authorization_code"],
      token_endpoint_auth_method: "none",
    })
    expect(registered.status, JSON.stringify(registered.body)).toBe(201)
    const { client_id } = registered.body
    const query = new URLSearchParams({
      response_type: "code",
      client_id,
      redirect_uri: redirect,
      state: "s",
      code_challenge: createHash("sha256").update("v".repeat(43)).digest("base64url"),
      code_challenge_method: "S256",
      resource: at("mcp", "/mcp"),
    })
    await visit(page, `${at("auth", "/authorize")}?${query.toString()}`)
    expect(await page.textContent("main")).toContain("Desktop client")
    await page.getByRole("button", { name: "Allow" }).click()
    await signIn(page)
    await page.waitForURL(/\/callback\?/)
    expect(await page.textContent("h1")).toBe("Back at the client")
    await visit(page, at("app", "/after"))
    expect(page.url()).toBe(at("app", "/after"))
    await visit(page, at("auth", "/account"))
    expect(await page.textContent("main")).toContain("Desktop client")

    // An administrator ends the browser's session: what is open closes, and the next page asks again.
    await visit(page, at("app", "/after"))
    expect(await page.evaluate("talk()")).toBe("hello")
    for (const { session_id } of await sessions())
      expect((await node.api("DELETE", `/api/v1/oauth/sessions/${session_id}`)).status).toBe(204)
    expect(await page.evaluate("gone")).toBe(1008)
    expect(await sessions()).toEqual([])
    await visit(page, at("app", "/after"))
    expect(new URL(page.url()).pathname).toBe("/login")
    expect(complaints).toEqual([])
    await context.close()
    callback.close()
  })

  it("shows a page to somebody whom it refuses", async () => {
    const bob = await node.api<{ token: string }>("POST", "/api/v1/tokens", {
      name: "bob",
      cert_email: "bob@example.com",
    })
    const { context, page } = await somebody()
    await visit(page, at("app", "/x"))
    await signIn(page, bob.body.token)
    await page.getByRole("heading", { name: "Not allowed" }).waitFor()
    await page.getByRole("link", { name: "use another account" }).click()
    await signIn(page)
    await page.waitForURL(at("app", "/x"))
    await context.close()
  })
})
