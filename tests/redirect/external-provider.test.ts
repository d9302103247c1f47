import { type GithubStub, githubStub } from "../oauth/github-stub.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Visitor, type WebHost, webHost } from "./web-host.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { claimsIn } from "./cookie-token.ts"

let redis: RedisServer
let github: GithubStub
let web: WebHost
const app = "https://app.localhost:8443"
const team = "https://team.localhost:8443"

beforeAll(async () => {
  redis = await redisServer()
  github = await githubStub()
  web = await webHost(redis.url, undefined, true, {
    GITHUB_CLIENT_ID: "client",
    GITHUB_CLIENT_SECRET: "secret",
    GITHUB_BASE_URL: github.url,
    GITHUB_API_URL: github.url,
    OAUTH_ALLOWED_GITHUB_USERS: "octocat",
  })
  await web.host("app.localhost")
  await web.host("team.localhost", { auth_required_groups: ["acme/dev"] })
})

beforeEach(() => github.reset())

afterAll(async () => {
  await web?.stop()
  await github?.stop()
  await redis?.stop()
})

/** Opens a page and lets GitHub say yes. @returns the scope that GitHub was asked for, and where it ended */
async function through(who: Visitor, place: string | URL) {
  let page = await who.open(place)
  let asked: string | null | undefined
  for (let steps = 0; page.location !== undefined && steps < 12; steps += 1) {
    const { location } = page
    if (location.origin !== github.url) page = await who.open(location)
    else {
      asked = location.searchParams.get("scope")
      const state = location.searchParams.get("state")!
      page = await who.open(
        `https://auth.localhost:8443/callback?${new URLSearchParams({ code: "x", state }).toString()}`,
      )
    }
  }
  return { asked, page }
}

describe("a login for a host with GitHub alone", () => {
  it("goes there and back without a page of ours, and asks for no more than the host needs", async () => {
    const who = web.visitor()
    const { asked, page } = await through(who, `${app}/x`)
    expect([page.status, page.url.href]).toEqual([200, `${app}/x`])
    expect(asked).not.toContain("org")
    expect(claimsIn(who.jar("app.localhost").get("__Host-gh_access")!)).toMatchObject({
      sub: "github-583231",
      username: "Octocat",
      email: "octocat@example.org",
      groups: [],
    })
    expect(web.reached.at(-1)!.headers).toMatchObject({ "x-auth-user-email": "octocat@example.org" })
  })

  it("asks for organisations and teams where the host's rule names them", async () => {
    const who = web.visitor()
    const { asked, page } = await through(who, `${team}/x`)
    expect([page.status, page.url.href]).toEqual([200, `${team}/x`])
    expect(asked).toContain("read:org")
    expect(web.reached.at(-1)!.headers["x-auth-user-groups"]).toContain("acme/dev")
  })

  it("offers to sign in again to somebody whose groups were not asked for before", async () => {
    const who = web.visitor()
    await through(who, `${app}/x`)
    const refused = await through(who, `${team}/x`)
    expect([refused.page.status, refused.page.url.pathname]).toEqual([403, "/login"])
    const again = /<a class="button" href="([^"]+)"/.exec(refused.page.text)![1]!.replaceAll("&amp;", "&")
    const { page } = await through(who, new URL(again, refused.page.url))
    expect([page.status, page.url.href]).toEqual([200, `${team}/x`])
  })

  it("ends in a page when the account may not sign in, or GitHub does not answer well", async () => {
    github.answer("/user", (response) => void response.writeHead(200).end(JSON.stringify({ id: 1, login: "mallory" })))
    const refused = await through(web.visitor(), `${app}/x`)
    expect(refused.page.status).toBe(403)
    expect(refused.page.text).toContain("mallory")
    github.answer("/user", (response) => void response.writeHead(500).end())
    const broken = await through(web.visitor(), `${app}/x`)
    expect(broken.page.status).toBe(403)
    expect(broken.page.url.origin).toBe("https://auth.localhost:8443")
  })
})
