import { type OAuthNode, apiToken, oauthNode, protectedProxy } from "./oauth-node.ts"
import { formOf, person } from "./person.ts"
import { type Tokens, authorizePath, redemption, refreshing, registerClient, tokenRequest, verifier } from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createEmulator } from "emulate"
import { freePort } from "../support/ports.ts"
import { redisOfFile, application, redis, toGithub, claims } from "./github-login.ts"

redisOfFile()

describe("with an emulated GitHub", () => {
  let node: OAuthNode
  let emulator: { close(): Promise<void> }
  let base: string

  beforeAll(async () => {
    await redis.command("FLUSHALL")
    const port = await freePort()
    emulator = await createEmulator({
      service: "github",
      port,
      seed: {
        github: {
          users: [{ login: "octocat", name: "The Octocat", email: "octocat@example.org" }],
          orgs: [{ login: "acme", members: [{ login: "octocat", role: "member" }] }],
          oauth_apps: [
            {
              client_id: "gh-id",
              client_secret: "gh-secret",
              name: "Gatehouse",
              redirect_uris: ["https://auth.localhost:8443/callback"],
            },
          ],
        },
      },
    } as never)
    base = `http://127.0.0.1:${port}`
    const env = {
      ...application,
      GITHUB_BASE_URL: base,
      GITHUB_API_URL: base,
      OAUTH_ALLOWED_GITHUB_USERS: "someone, OctoCat",
    }
    node = await oauthNode({ redisUrl: redis.url, env })
    await node.ensureSigningKey()
  })

  afterAll(async () => {
    await node?.stop()
    await emulator?.close()
  })

  it("takes no API token where that is not offered, although the form can be made up", async () => {
    const resource = await protectedProxy(node, "token.test")
    const token = await apiToken(node, "octocat")
    const who = person(node)
    const consent = await who.visit(authorizePath(await registerClient(node), verifier(), { resource }))
    await who.submit(consent, { decision: "allow" })
    const { transaction, csrf } = formOf(consent).hidden
    const form = { transaction: transaction!, csrf: csrf!, token }
    const answer = await who.visit("/login", { form, headers: { origin: node.issuer } })
    expect([answer.status, answer.headers["set-cookie"]]).toEqual([404, undefined])
  })

  it("proves a person from consent to tokens, with organisations where a rule asks for them", async () => {
    const resource = await protectedProxy(node, "mcp.test", {
      auth_required_groups: ["ACME"],
      auth_required_emails: ["*@example.org"],
    })
    const client = await registerClient(node)
    const who = person(node)
    const codeVerifier = verifier()
    const github = await toGithub(client, who, resource, codeVerifier)
    expect(github.origin).toBe(base)
    expect(github.searchParams.get("scope")).toBe("read:user user:email read:org")
    const page = await (await fetch(github)).text()
    const forms = [...page.matchAll(/<form[^>]*>([\s\S]*?)<\/form>/g)].map((match) => match[1]!)
    const form = forms.find((text) => text.includes('name="login" value="octocat"'))!
    const fields = [...form.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(
      ([, name, value]) => [name!, value!] as [string, string],
    )
    const back = await fetch(`${base}/login/oauth/callback`, {
      method: "POST",
      body: new URLSearchParams(fields),
      redirect: "manual",
    })
    const callback = new URL(back.headers.get("location")!)
    expect(callback.origin + callback.pathname).toBe(`${node.issuer}/callback`)
    const done = await who.visit(callback.pathname + callback.search)
    const code = done.location?.searchParams.get("code")
    expect(code, done.location?.href ?? done.text).toBeTruthy()
    const tokens = (await tokenRequest(node, redemption(client, code!, codeVerifier))).json<Tokens>()
    expect(claims(tokens.access_token)).toMatchObject({
      sub: expect.stringMatching(/^github-\d+$/) as unknown,
      username: "octocat",
      name: "The Octocat",
      email: "octocat@example.org",
      groups: ["acme"],
    })
    expect(JSON.stringify([...who.cookies])).not.toContain("gho_")
    const next = (await tokenRequest(node, refreshing(client, tokens.refresh_token))).json<Tokens>()
    expect(claims(next.access_token)["groups"]).toEqual(["acme"])
  })
})
