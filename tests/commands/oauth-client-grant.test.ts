import { decider, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { randomUUID } from "node:crypto"
import { find } from "../../src/events/world.ts"
import { id, machine, register, create, grant, consent, holder } from "./client-commands.ts"

describe("a grant", () => {
  it("is remembered as consent, which goes when the grant is taken back and stays when it has just expired", () => {
    const { given, world } = decider()
    const at = given(register(), grant("grant-0001", consent), grant("grant-0002", consent))
    expect(at.when("ExpireGrants", { grant_ids: ["grant-0001", "grant-unknown"] }, system).events).toEqual([
      "GrantRevoked",
    ])
    expect(world.objects.consent.size).toBe(1)
    expect(at.when("RevokeGrant", { grant_id: "grant-0002", reason: "user" }, system).events).toEqual([
      "GrantRevoked",
      "ConsentWithdrawn",
    ])
    expect(world.objects.consent.size).toBe(0)
    expect(at.when("RevokeGrant", { grant_id: "grant-0002", reason: "user" }, system).events).toEqual([])
  })

  it("of a machine is one, grows, and is another one after its end", () => {
    const { given, world } = decider()
    const at = given(create(machine))
    const issue = (scope: string, resources: string[]) => {
      const data = {
        grant_id: randomUUID(),
        client_id: id,
        holder,
        scope,
        resources,
        client_expires_at: "2026-04-01T00:00:00.000Z",
      }
      const answer = at.when("IssueStandingGrant", data, system)
      return { events: answer.events, grant_id: (answer.decided!.result as { grant_id: string }).grant_id }
    }
    const first = issue("mcp:read", ["https://a.test/"])
    expect(first.events).toEqual(["GrantIssued", "ClientUsed"])
    expect(issue("mcp:read", ["https://a.test/"])).toEqual({ events: [], grant_id: first.grant_id })
    expect(issue("mcp:write", ["https://b.test/"])).toEqual({ events: ["GrantExtended"], grant_id: first.grant_id })
    expect(issue("mcp:read", ["https://b.test/"]).events).toEqual([])
    expect(find(world, "grant", first.grant_id)).toMatchObject({
      subject: id,
      scope: "mcp:read mcp:write",
      resources: ["https://a.test/", "https://b.test/"],
    })
    at.when("RevokeGrant", { grant_id: first.grant_id, reason: "admin" }, system)
    const second = issue("mcp:read", ["https://a.test/"])
    expect(second.events).toEqual(["GrantIssued"])
    expect(second.grant_id).not.toBe(first.grant_id)
  })

  it("remembers single revoked tokens until they have expired", () => {
    const model = decider()
    const at = model.given(register(), grant("grant-0001"))
    const revoke = (jti: string, afterMs: number) =>
      at.when(
        "RevokeAccessToken",
        { grant_id: "grant-0001", jti, expires_at: new Date(Date.parse(model.now()) + afterMs).toISOString() },
        system,
      ).events
    expect(revoke("one", 60_000)).toEqual(["AccessTokenRevoked"])
    expect(revoke("one", 60_000)).toEqual([])
    expect(revoke("past", -1)).toEqual([])
    model.advance(120_000)
    expect(revoke("two", 60_000)).toEqual(["AccessTokenRevoked"])
    expect(find(model.world, "grant", "grant-0001")?.revoked_tokens?.map(({ jti }) => jti)).toEqual(["two"])
  })

  it("and all that concerns it is the system's and administrators' business", () => {
    const { given } = decider()
    const at = given(token("bob"), register(), grant("grant-0001"))
    for (const [type, data] of [
      grant("grant-0002"),
      ["RevokeGrant", { grant_id: "grant-0001", reason: "admin" }],
      ["ExpireGrants", { grant_ids: ["grant-0001"] }],
      ["RevokeAccessToken", { grant_id: "grant-0001", jti: "x", expires_at: "2027-01-01T00:00:00.000Z" }],
      [
        "IssueStandingGrant",
        {
          grant_id: "grant-0002",
          client_id: id,
          holder,
          scope: "",
          resources: ["x"],
          client_expires_at: "2027-01-01T00:00:00.000Z",
        },
      ],
      ["RecordClientUse", { client_id: id, expires_at: "2027-01-01T00:00:00.000Z" }],
      [
        "EndBrowserSession",
        {
          session_id: "6f3c1b2e-9d5a-4c7f-8e21-a4b0c9d7e6f5",
          subject: "x",
          expires_at: "2027-01-01T00:00:00.000Z",
          reason: "admin",
        },
      ],
    ] as [string, unknown][])
      expect(at.when(type, data, owner("bob")).refused, type).toMatch(/^(admin_required|not_owner)$/)
  })
})
