import { send } from "./oauth-node.ts"
import { person } from "./person.ts"
import { authorizePath, verifier } from "./flow.ts"
import { describe, expect, it } from "vitest"
import { authorizeNode, redis, node, alice, resource, client } from "./authorize-node.ts"

authorizeNode()

describe("the login page", () => {
  const atLogin = async () => {
    const who = person(node)
    const allowed = await who.submit(await who.visit(authorizePath(client, verifier(), { resource })), {
      decision: "allow",
    })
    const path = allowed.location!.pathname + allowed.location!.search
    return { who, path, page: await who.visit(path) }
  }

  it("takes a wrong token without ending the login", async () => {
    const { who, page } = await atLogin()
    const wrong = await who.submit(page, { token: "acm_wrong<b>" })
    expect(wrong.status).toBe(403)
    expect(wrong.text).not.toContain("<b>")
    expect(wrong.text).not.toContain("acm_wrong")
    expect((await who.submit(wrong, { token: alice })).location!.searchParams.has("code")).toBe(true)
  })

  it("belongs to the browser that allowed", async () => {
    const { path, page } = await atLogin()
    expect((await send(node, path)).status).toBe(400)
    const stranger = person(node)
    expect((await stranger.submit(page, { token: alice })).status).toBe(400)
    stranger.cookies.set("__Host-gh_txn", "x".repeat(43))
    expect((await stranger.submit(page, { token: alice })).status).toBe(400)
  })

  it("is good once, and only with its own form from its own page", async () => {
    const { who, page } = await atLogin()
    expect((await who.submit(page, { token: alice }, { origin: "https://evil.example" })).status).toBe(403)
    expect((await who.submit(page, { token: alice, csrf: "x" })).status).toBe(403)
    expect((await who.submit(page, { token: alice })).status).toBe(303)
    expect((await who.submit(page, { token: alice })).status).toBe(400)
  })

  it("works in two tabs", async () => {
    const who = person(node)
    const start = async () => {
      const allowed = await who.submit(await who.visit(authorizePath(client, verifier(), { resource })), {
        decision: "allow",
      })
      return who.visit(allowed.location!.pathname + allowed.location!.search)
    }
    const [one, two] = [await start(), await start()]
    expect((await who.submit(one, { token: alice })).location!.searchParams.has("code")).toBe(true)
    expect((await who.submit(two, { token: alice })).location!.searchParams.has("code")).toBe(true)
  })

  it("stops listening after ten wrong tokens, to right ones too", async () => {
    const { who, page } = await atLogin()
    const statuses: number[] = []
    for (let i = 0; i < 11; i++) statuses.push((await who.submit(page, { token: `acm_wrong_${i}` })).status)
    expect(statuses.at(-1)).toBe(429)
    const blocked = await who.submit(page, { token: alice })
    expect([blocked.status, Number(blocked.headers["retry-after"]) > 0]).toEqual([429, true])
    await redis.command(
      "EVAL \"for _,k in ipairs(redis.call('keys','{gho}:rate:*')) do redis.call('del',k) end return 1\" 0",
    )
    expect((await who.submit(page, { token: alice })).status).toBe(303)
  })
})
