import { send } from "./oauth-node.ts"
import { describe, expect, it } from "vitest"
import { tokenNode, node, client, error } from "./token-node.ts"

tokenNode()

describe("a malformed token request", () => {
  it.each([
    ["no grant type", { grant_type: "" }, "invalid_request"],
    ["a password grant", { grant_type: "password" }, "unsupported_grant_type"],
    [
      "a client credentials grant of a client that registered itself",
      { grant_type: "client_credentials" },
      "unauthorized_client",
    ],
    ["no code", { grant_type: "authorization_code" }, "invalid_request"],
    ["a code twice", { grant_type: "authorization_code", code: ["a", "b"] }, "invalid_request"],
    ["a grant type twice", { grant_type: ["authorization_code", "authorization_code"] }, "invalid_request"],
    ["no refresh token", { grant_type: "refresh_token" }, "invalid_request"],
  ])("is refused: %s", async (_what, form, expected) => {
    expect(await error({ client_id: client.client_id, ...form })).toEqual([400, expected])
  })

  it("is refused in another form, and when it is too large", async () => {
    const post = async (body: string, type: string) => {
      const answer = await send(node, "/token", { body, headers: { "content-type": type } })
      return [answer.status, answer.json()["error"]]
    }
    expect(await post("grant_type=refresh_token", "text/plain")).toEqual([400, "invalid_request"])
    expect(await post("[]", "application/json")).toEqual([400, "invalid_request"])
    expect(await post("{", "application/json")).toEqual([400, "invalid_request"])
    expect(await post('{"grant_type":1}', "application/json")).toEqual([400, "invalid_request"])
    expect(await post("a=%ff".padEnd(70_000, "x"), "application/x-www-form-urlencoded")).toEqual([
      413,
      "invalid_request",
    ])
    const chunked = await send(node, "/token", {
      body: "x".repeat(70_000),
      headers: { "content-type": "application/json", "transfer-encoding": "chunked", "content-length": [] as never },
    })
    expect(chunked.status).toBe(413)
  })

  it("is refused with more parameters than any flow has, of one name or of many", async () => {
    const post = async (body: string, type = "application/x-www-form-urlencoded") => {
      const answer = await send(node, "/token", { body, headers: { "content-type": type } })
      return [answer.status, answer.json()["error_description"]]
    }
    const tooMany = [400, "there are too many parameters"]
    expect(await post("resource=x&".repeat(201))).toEqual(tooMany)
    expect(await post(Array.from({ length: 201 }, (_, at) => `p${at}=`).join("&"))).toEqual(tooMany)
    expect(await post(JSON.stringify({ resource: Array(201).fill("x") }), "application/json")).toEqual(tooMany)
    expect((await post("resource=x&".repeat(200)))[0]).toBe(401)
    const page = await send(node, `/authorize?${"a&".repeat(201)}`)
    expect([page.status, page.headers["content-type"]]).toEqual([400, "text/html; charset=utf-8"])
  })

  it("is answered 405 when it is no POST", async () => {
    const answer = await send(node, "/token")
    expect([answer.status, answer.headers.allow]).toEqual([405, "POST, OPTIONS"])
  })
})
