import { describe, expect, test } from "vitest"
import { apiWithOwner, api, tokens } from "./app-api.ts"

apiWithOwner()

describe("every answer", () => {
  test("forbids guessing its type and being framed, and has a request id that its events name", async () => {
    const answer = await api.call("POST", tokens, { name: "audited" })
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    })
    const [event] = await api.store.read(Number(answer.headers.get("x-event-position")) - 1, 1)
    expect(event!.meta).toMatchObject({
      actor: { name: "ADMIN", admin: true, token: "admin" },
      ip: "127.0.0.1",
      request_id: answer.headers.get("x-request-id"),
    })
  })

  test("that is a problem names its code, status and request", async () => {
    const { headers, body } = await api.call("GET", `${tokens}/nobody`)
    expect(body).toEqual({
      type: "urn:gatehouse:error:not_found",
      title: "There is nothing here.",
      status: 404,
      detail: "there is no token nobody",
      code: "not_found",
      instance: headers.get("x-request-id"),
    })
    expect(headers.get("cache-control")).toBe("no-store")
  })
})

describe("the web page", () => {
  test("says what this is, under a policy without inline scripts", async () => {
    const page = await api.call<string>("GET", "/", undefined, {}, null)
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"])
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    )
    // Its one script is a file of its own: the policy lets no other run.
    expect(page.body.replaceAll(/<script type="module" src="\/[\w.]+"><\/script>/g, "")).not.toMatch(
      /<script| style=| on\w+=/,
    )
    for (const [, link] of page.body.matchAll(/(?:href|src)="(\/[^"]*)"/g))
      expect((await api.call("GET", link!, undefined, {}, null)).status, link).toBe(200)
  })
})
