import { decider, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import { id, machine, register, create, grant, consent, dayMs } from "./client-commands.ts"

describe("the life of a client", () => {
  it("starts with the first grant and moves on by at least a day", () => {
    const { given, world } = decider()
    const at = given(register())
    const uses = (grant_id: string, client_expires_at: string) =>
      at.when(...grant(grant_id, { client_expires_at })).events
    expect(uses("grant-0001", "2026-04-01T06:00:00.000Z")).toEqual(["GrantIssued", "ClientUsed"])
    expect(find(world, "client", id)).toMatchObject({
      expires_at: "2026-04-01T00:00:00.000Z",
      used_at: expect.any(String) as string,
    })
    expect(uses("grant-0002", "2026-04-01T12:00:00.000Z")).toEqual(["GrantIssued"])
    expect(uses("grant-0003", "2026-04-02T00:00:00.000Z")).toEqual(["GrantIssued", "ClientUsed"])
    expect(find(world, "client", id)?.expires_at).toBe("2026-04-02T00:00:00.000Z")
    expect(
      at.when("RecordClientUse", { client_id: id, expires_at: "2026-03-01T00:00:00.000Z" }, system).events,
    ).toEqual([])
  })

  it("of an administrator's client has no end, and stays so", () => {
    const { given, world } = decider()
    const at = given(create(machine))
    expect(
      at.when("RecordClientUse", { client_id: id, expires_at: "2026-04-01T00:00:00.000Z" }, system).events,
    ).toEqual(["ClientUsed"])
    expect(
      at.when("RecordClientUse", { client_id: id, expires_at: "2027-04-01T00:00:00.000Z" }, system).events,
    ).toEqual([])
    expect(find(world, "client", id)?.expires_at).toBeNull()
  })

  it("ends by a sweep only when it is over: a day unused, or its time", () => {
    const model = decider()
    const at = model.given(
      register(),
      register("2026-04-01T00:00:00.000Z", "mcp_client0002"),
      grant("grant-0001", { client_expires_at: "2026-04-01T00:00:00.000Z", ...consent }),
    )
    const sweep = () => at.when("RemoveExpiredClients", { client_ids: [id, "mcp_client0002", "mcp_unknown01"] }, system)
    expect(sweep().events).toEqual([])
    model.advance(dayMs)
    expect(sweep().events).toEqual(["ClientDeleted"])
    expect(find(model.world, "client", id)).toBeDefined()
    model.advance(90 * dayMs)
    expect(sweep().events).toEqual(["GrantRevoked", "ConsentWithdrawn", "ClientDeleted"])
    expect(model.when("RemoveExpiredClients", { client_ids: [] }, system).refused).toBe("validation_failed")
  })

  it("ends with its owner, even when somebody else takes the name", () => {
    const { given } = decider()
    const removal = { name: "bob", cascade: true, force: true, dry_run: false, reassign_to: null }
    const at = given(token("bob"), create(machine, { owner: "bob" }), ["DeleteToken", removal], token("bob"))
    expect(at.when("RemoveExpiredClients", { client_ids: [id] }, system).events).toEqual(["ClientDeleted"])
  })
})
