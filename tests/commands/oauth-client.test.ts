import { decider, hash, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import { id, web, machine, register, create } from "./client-commands.ts"

describe("a client that somebody sets up", () => {
  it("belongs to whoever did, or to the owner that an administrator names", () => {
    const { given, world } = decider()
    const at = given(token("bob"), token("eve"))
    expect(at.when(...create(machine), owner("bob")).events).toEqual(["ClientRegistered"])
    expect(find(world, "client", id)).toMatchObject({
      kind: "admin",
      owner: "bob",
      expires_at: null,
      disabled: false,
      vouched: false,
    })
    expect(at.when("SetClientStatus", { client_id: id, disabled: true }, owner("eve")).refused).toBe("not_owner")
    expect(at.when("DeleteClient", { client_id: id, reason: "x" }, owner("eve")).refused).toBe("not_owner")
    expect(at.when("ReplaceClientSecret", { client_id: id, secret_hash: hash("d") }, owner("bob")).events).toEqual([
      "ClientSecretReplaced",
    ])
    expect(at.when(...create(machine, { owner: "eve" }), owner("bob")).refused).toBe("already_exists")
    const other = create(machine, { client_id: "mcp_client0002", owner: "eve" })
    expect(at.when(...other, owner("bob")).refused).toBe("admin_required")
    expect(at.when(...other).events).toEqual(["ClientRegistered"])
  })

  it.each([
    ["a machine without a secret", { ...machine, token_endpoint_auth_method: "none" }, null],
    ["a secret that is missing", machine, null],
    [
      "a secret that nothing uses",
      { ...machine, token_endpoint_auth_method: "none", grant_types: ["authorization_code"] },
      hash("b"),
    ],
    ["redirects without the code grant", { ...machine, redirect_uris: ["https://a.example/cb"] }, hash("b")],
    ["the code grant without redirects", { ...web, redirect_uris: [] }, null],
    ["a redirect to a script", { ...web, redirect_uris: ["javascript:alert(1)"] }, null],
    ["an unknown response type", { ...web, response_types: [] }, null],
    ["refresh alone", { ...machine, grant_types: ["client_credentials", "refresh_token"] }, hash("b")],
    ["keys that are missing", { ...machine, token_endpoint_auth_method: "private_key_jwt" }, null],
    [
      "keys in two places",
      {
        ...machine,
        token_endpoint_auth_method: "private_key_jwt",
        jwks_uri: "https://a.example/k",
        jwks: { keys: [{ kty: "EC" }] },
      },
      null,
    ],
    [
      "a private key",
      { ...machine, token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [{ kty: "EC", d: "x" }] } },
      null,
    ],
    [
      "keys over http",
      { ...machine, token_endpoint_auth_method: "private_key_jwt", jwks_uri: "http://a.example/k" },
      null,
    ],
    ["a name that turns text round", { ...web, client_name: "a\u202eb" }, null],
    ["quotes in a scope", { ...machine, scope: 'a "b' }, hash("b")],
    ["a home page that is a script", { ...web, client_uri: "javascript:alert(1)" }, null],
  ])("is refused with %s", (_what, metadata, secret_hash) => {
    expect(decider().when(...create(metadata, { secret_hash })).refused).toBe("validation_failed")
  })

  it("can be vouched for by administrators alone, and says a status once", () => {
    const { given } = decider()
    const at = given(token("bob"), [...create(machine), owner("bob")] as [string, unknown, ReturnType<typeof owner>])
    expect(at.when("SetClientStatus", { client_id: id, vouched: true }, owner("bob")).refused).toBe("admin_required")
    expect(at.when("SetClientStatus", { client_id: id, vouched: true, disabled: true }).events).toEqual([
      "ClientDisabled",
      "ClientVouched",
    ])
    expect(at.when("SetClientStatus", { client_id: id, vouched: true, disabled: true }).events).toEqual([])
    expect(at.when("SetClientStatus", { client_id: id, disabled: false }).events).toEqual(["ClientEnabled"])
  })
})

describe("a client that describes itself", () => {
  const document = (metadata: object = web): [string, unknown, typeof system] => [
    "RecordClientDocument",
    { client_id: "https://client.example/id.json", metadata, expires_at: "2026-04-01T00:00:00.000Z" },
    system,
  ]

  it("is recorded once, and again when it says something else", () => {
    const { when, world } = decider()
    expect(when(...document()).events).toEqual(["ClientRegistered"])
    expect(when(...document()).events).toEqual([])
    expect(when(...document({ ...web, client_name: "Other" })).events).toEqual(["ClientUpdated"])
    expect(find(world, "client", "https://client.example/id.json")).toMatchObject({
      kind: "cimd",
      owner: null,
      registration_token_hash: null,
    })
    expect(when("UpdateClient", { client_id: "https://client.example/id.json", metadata: web }).refused).toBe(
      "invalid_state",
    )
    expect(when("CreateClient", { client_id: "https://a.example/x", metadata: web, secret_hash: null }).refused).toBe(
      "validation_failed",
    )
    expect(
      when("RecordClientDocument", { client_id: id, metadata: web, expires_at: "2026-04-01T00:00:00.000Z" }).refused,
    ).toBe("validation_failed")
  })
})

describe("clients of a log that is older than kinds and owners", () => {
  it("are dynamic ones that nobody owns", () => {
    const { given, world } = decider()
    given(register())
    expect(find(world, "client", id)).toMatchObject({
      kind: "dynamic",
      owner: null,
      disabled: false,
      vouched: false,
      used_at: null,
    })
  })
})
