import { type AccessRule, type Person, ruleFault } from "../../src/projections/access-rule.ts"
import { describe, expect, it } from "vitest"
import { fc } from "../support/property.ts"

const anyone: AccessRule = { auth_required_users: null, auth_required_emails: null, auth_required_groups: null }
const alice: Person = {
  subject: "github-583231",
  username: "Alice",
  verifiedEmail: "Alice@Example.com",
  groups: ["Acme", "acme/dev"],
  clientId: "mcp_client1",
}
const nobody: Person = { subject: "local-x", username: null, verifiedEmail: null, groups: [], clientId: null }
const users = (list: string[] | null, person = alice) =>
  ruleFault({ ...anyone, auth_required_users: list }, person) ?? "passes"
const emails = (list: string[] | null, verifiedEmail: string | null = "alice@example.com") =>
  ruleFault({ ...anyone, auth_required_emails: list }, { ...alice, verifiedEmail }) ?? "passes"
const groups = (list: string[] | null, person = alice) =>
  ruleFault({ ...anyone, auth_required_groups: list }, person) ?? "passes"

describe("null, empty and star", () => {
  it("mean no rule, nobody and anybody signed in, for each kind", () => {
    for (const kind of [users, groups]) {
      expect([kind(null, nobody), kind(["*"], nobody)]).toEqual(["passes", "passes"])
      expect(kind([], alice)).not.toBe("passes")
    }
    expect([emails(null, null), emails(["*"], null), emails([])]).toEqual(["passes", "passes", "email_not_allowed"])
  })
})

describe("users", () => {
  it("match a login or a subject, whole, in any case", () => {
    for (const entry of ["alice", "ALICE", "github-583231", "GitHub-583231"])
      expect(users(["bob", entry])).toBe("passes")
    for (const entry of ["alic", "alicee", " alice", "lice", "github-58323", "al*", "a.ice", ""])
      expect(users([entry])).toBe("user_not_allowed")
  })

  it("in the form of a subject never match a login that somebody chose", () => {
    const impostor = { ...alice, subject: "github-1", username: "github-583231" }
    expect(users(["github-583231"], impostor)).toBe("user_not_allowed")
    expect(users(["local-ADMIN"], { ...impostor, username: "local-admin" })).toBe("user_not_allowed")
  })

  it("name a machine by client:, and only a machine that acts for itself", () => {
    const machine = { ...nobody, subject: "mcp_robot", clientId: "mcp_robot" }
    expect(users(["client:mcp_robot"], machine)).toBe("passes")
    expect(users(["client:MCP_robot"], machine)).toBe("user_not_allowed")
    expect(users(["client:mcp_client1"])).toBe("user_not_allowed")
    expect(users(["client:mcp_client1"], { ...alice, username: "client:mcp_client1" })).toBe("user_not_allowed")
  })

  it("are not equal by Unicode folding", () => {
    expect(users(["kate"], { ...alice, username: "\u212Aate" })).toBe("user_not_allowed")
  })
})

describe("e-mails", () => {
  it("match by address, by domain and by subdomain", () => {
    expect(emails(["ALICE@example.com"])).toBe("passes")
    expect(emails(["*@EXAMPLE.com"])).toBe("passes")
    for (const pattern of ["*.example.com", "*@*.example.com"]) {
      expect(emails([pattern], "a@mail.example.com")).toBe("passes")
      expect(emails([pattern], "a@x.y.example.com")).toBe("passes")
      expect(emails([pattern], "a@example.com")).toBe("email_not_allowed")
      expect(emails([pattern], "a@notexample.com")).toBe("email_not_allowed")
    }
  })

  it("never match by part of a text", () => {
    for (const address of [
      "alice@example.com.evil.net",
      "alice@evil-example.com",
      "alice@example.com@evil.net",
      "alice@evil.net@example.com",
      '"alice@example.com"@evil.net',
      "alice@sub.example.com",
      "alice@example.com.",
      "alice@.example.com",
      "alice@example.com ",
      "alice",
      "",
    ])
      expect(emails(["alice@example.com", "*@example.com"], address), address).toBe("email_not_allowed")
    expect(emails(["alice@example.com"], "xalice@example.com")).toBe("email_not_allowed")
  })

  it("need a verified address", () => {
    expect(emails(["*@example.com", "alice@example.com"], null)).toBe("email_not_allowed")
  })

  it("that cannot be read match nobody", () => {
    expect(emails(["*example.com", "a*@example.com", "alice"])).toBe("email_not_allowed")
  })
})

describe("groups", () => {
  it("match whole names in any case", () => {
    for (const entry of ["acme", "ACME/dev"]) expect(groups([entry])).toBe("passes")
    for (const entry of ["acme/", "acm", "dev", "acme/*", "/dev", ""]) expect(groups([entry])).toBe("group_not_allowed")
  })
})

describe("kinds together", () => {
  const entry = fc.constantFrom(
    "alice",
    "bob",
    "*",
    "*@example.com",
    "*.example.com",
    "acme",
    "a@x.example.com",
    "github-583231",
  )
  const list = fc.option(fc.array(entry, { maxLength: 4 }))
  const person = fc.record({
    subject: fc.constantFrom("github-583231", "github-2"),
    username: fc.option(fc.constantFrom("Alice", "bob", "acme")),
    verifiedEmail: fc.option(fc.constantFrom("alice@example.com", "a@x.example.com", "e@evil.net")),
    groups: fc.array(fc.constantFrom("acme", "other"), { maxLength: 2 }),
    clientId: fc.option(fc.constantFrom("mcp_client1", "github-2")),
  })
  const rule = fc.record({ auth_required_users: list, auth_required_emails: list, auth_required_groups: list })

  it("are joined by AND, and the entries of one kind by OR", () => {
    fc.assert(
      fc.property(rule, person, (rule, person) => {
        const one = (kind: keyof AccessRule, entries: readonly string[] | null) =>
          ruleFault({ ...anyone, [kind]: entries }, person) === undefined
        const expected = (Object.keys(rule) as (keyof AccessRule)[]).every(
          (kind) => rule[kind] === null || rule[kind].some((entry) => one(kind, [entry])),
        )
        expect(ruleFault(rule, person) === undefined).toBe(expected)
      }),
    )
  })

  it("never let an added entry lock out, nor an added kind let in", () => {
    fc.assert(
      fc.property(rule, person, entry, (rule, person, entry) => {
        const passes = (rule: AccessRule) => ruleFault(rule, person) === undefined
        for (const kind of Object.keys(rule) as (keyof AccessRule)[]) {
          const entries = rule[kind]
          const more = { ...rule, [kind]: [...(entries ?? []), entry] }
          expect(entries === null ? !passes(rule) && passes(more) : passes(rule) && !passes(more)).toBe(false)
        }
      }),
    )
  })

  it("let nobody in by a mere substring of an allowed name", () => {
    const name = fc.stringMatching(/^[a-z]{2,12}$/)
    fc.assert(
      fc.property(name, fc.nat(20), fc.nat(20), (allowed, from, to) => {
        const part = allowed.slice(from, to)
        const person = { ...nobody, username: part, verifiedEmail: `${part}@${part}.net`, groups: [part] }
        fc.pre(part !== allowed)
        expect(users([allowed], person)).toBe("user_not_allowed")
        expect(groups([allowed], person)).toBe("group_not_allowed")
        expect(emails([`${allowed}@${part}.net`, `*@${allowed}.net`, `*.${part}.net`], person.verifiedEmail)).toBe(
          "email_not_allowed",
        )
      }),
    )
  })
})
