import { decider, hash, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { randomUUID } from "node:crypto"
import { find } from "../../src/events/world.ts"

const id = "mcp_client0001"
const web = {
  client_name: "Client",
  redirect_uris: ["https://client.example/cb"],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
}
const machine = {
  redirect_uris: [],
  grant_types: ["client_credentials"],
  response_types: [],
  token_endpoint_auth_method: "client_secret_basic",
}
const register = (expires = "2026-04-01T00:00:00.000Z", client_id = id): [string, unknown, typeof system] => [
  "RegisterClient",
  { client_id, metadata: web, secret_hash: null, registration_token_hash: hash("a"), expires_at: expires },
  system,
]
const create = (metadata: object, more: object = {}): [string, unknown] => [
  "CreateClient",
  { client_id: id, metadata, secret_hash: hash("b"), ...more },
]
const grant = (grant_id: string, more: object = {}): [string, unknown, typeof system] => [
  "IssueGrant",
  {
    grant_id,
    client_id: id,
    subject: "local-alice",
    username: "alice",
    email: null,
    email_verified: false,
    provider: "local",
    scope: "mcp:read",
    resources: ["https://mcp.test/mcp"],
    redirect_uri: "https://client.example/cb",
    ...more,
  },
  system,
]
const consent = { consent: { consent_id: "6f3c1b2e-9d5a-5c7f-8e21-a4b0c9d7e6f5", shown: hash("c") } }
const holder = { subject: id, username: id, email: null, email_verified: false, provider: "client" }
const dayMs = 86_400_000

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
