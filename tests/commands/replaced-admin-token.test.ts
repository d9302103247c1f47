import { decider, hash } from "../support/decider.ts"
import { expect, it } from "vitest"
import { grant, register } from "./client-commands.ts"

const record = (digit: string): [string, unknown] => [
  "RecordAdminToken",
  { hash: hash(digit), preview: "abcd…", cert_email: null },
]
const admin = { subject: "local-ADMIN", username: "ADMIN" }

it("a new token of the administrator ends the grants that the old one signed in for, and no others", () => {
  const { given, world } = decider()
  const { when } = given(
    record("1"),
    register(),
    grant("11111111-1111-4111-8111-111111111111", admin),
    grant("22222222-2222-4222-8222-222222222222"),
    grant("33333333-3333-4333-8333-333333333333", { ...admin, subject: "github-1", provider: "github" }),
  )
  expect(when(...record("1")).events).toEqual([])
  expect(when(...record("2")).events).toEqual(["TokenReplaced", "GrantRevoked"])
  expect(when(...record("2")).events).toEqual([])
  expect([...world.objects.grant.keys()].toSorted()).toEqual([
    "22222222-2222-4222-8222-222222222222",
    "33333333-3333-4333-8333-333333333333",
  ])
})
