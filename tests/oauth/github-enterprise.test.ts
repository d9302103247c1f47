import { type GithubStub, githubStub, json } from "./github-stub.ts"
import { type OAuthNode, oauthNode, protectedProxy } from "./oauth-node.ts"
import { type Tokens, redemption, registerClient, tokenRequest, verifier } from "./flow.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { application, claims, redis, redisOfFile, toGithub } from "./github-login.ts"
import { person } from "./person.ts"

redisOfFile()

let github: GithubStub
let node: OAuthNode
let resource: string

beforeAll(async () => {
  github = await githubStub()
  const env = {
    ...application,
    GITHUB_BASE_URL: `${github.url}/enterprise/`,
    GITHUB_API_URL: `${github.url}/api/v3/`,
    OAUTH_ALLOWED_GITHUB_USERS: "*",
  }
  node = await oauthNode({ redisUrl: redis.url, env })
  await node.ensureSigningKey()
  resource = await protectedProxy(node, "mcp.test", { auth_required_groups: ["acme/team-120", "org-7"] })
})
beforeEach(() => {
  github.reset()
  github.answer("/enterprise/login/oauth/access_token", json({ access_token: "gho_x", token_type: "bearer" }))
  github.answer("/api/v3/user", json({ id: 42, login: "Mona" }))
  github.answer("/api/v3/user/emails", json([{ email: "mona@example.org", primary: true, verified: true }]))
  github.answer("/api/v3/user/orgs", json([]))
  github.answer("/api/v3/user/teams", json([]))
})
afterAll(async () => {
  await node?.stop()
  await github?.stop()
})

/** Answers one page after the other, and then empty ones. */
function pages(path: string, ...content: readonly unknown[][]): void {
  let asked = 0
  github.answer(path, (response) => json(content[asked++] ?? [])(response))
}
const teams = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => ({ slug: `team-${from + at}`, organization: { login: "acme" } }))

async function signIn() {
  const [client, who, codeVerifier] = [await registerClient(node), person(node), verifier()]
  const url = await toGithub(client, who, resource, codeVerifier)
  const back = await who.visit(`/callback?code=c&state=${url.searchParams.get("state")!}`)
  return { client, url, codeVerifier, answer: back.location!.searchParams }
}

describe("an enterprise's own GitHub", () => {
  it("is asked under its own address, page and API, with a path before both", async () => {
    pages("/api/v3/user/orgs", [{ login: "Org-7" }])
    const { client, url, codeVerifier, answer } = await signIn()
    expect(url.origin + url.pathname).toBe(`${github.url}/enterprise/login/oauth/authorize`)
    expect(url.searchParams.get("scope")).toBe("read:user user:email read:org")
    const tokens = await tokenRequest(node, redemption(client, answer.get("code")!, codeVerifier))
    expect(claims(tokens.json<Tokens>().access_token)).toMatchObject({ sub: "github-42", groups: ["Org-7"] })
    expect(new Set(github.seen.map(({ path }) => path))).toEqual(
      new Set([
        "/enterprise/login/oauth/access_token",
        "/api/v3/user",
        "/api/v3/user/emails",
        "/api/v3/user/orgs",
        "/api/v3/user/teams",
      ]),
    )
  })

  it("is asked for every page of the teams that somebody is in", async () => {
    pages("/api/v3/user/teams", teams(0, 100), teams(100, 130))
    expect((await signIn()).answer.has("code")).toBe(true)
    pages("/api/v3/user/teams", teams(0, 100), teams(100, 120))
    expect((await signIn()).answer.get("error")).toBe("access_denied")
  })

  it("proves nobody when one of the pages cannot be read", async () => {
    let asked = 0
    github.answer("/api/v3/user/teams", (response) =>
      asked++ === 0 ? json(teams(0, 100))(response) : json({ message: "no" }, 502)(response),
    )
    expect((await signIn()).answer.get("error")).toBe("server_error")
  })
})
