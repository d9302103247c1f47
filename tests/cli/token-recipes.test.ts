import { describe, expect, test } from "vitest"
import { cliWithOwner, cli, alice } from "./cli-with-owner.ts"

cliWithOwner()

describe("token recipes", () => {
  test("generate, show, list, change and delete", async () => {
    const made = await cli(["token-generate", "made"], { env: { ADMIN_EMAIL: "boss@example.com" } })
    expect(made.json()).toMatchObject({ name: "made", cert_email: "boss@example.com" })
    expect(
      (await cli(["token-generate", "mailless", ""], { env: { ADMIN_EMAIL: "boss@example.com" } })).json()[
        "cert_email"
      ],
    ).toBeNull()
    const shown = await cli(["token-show", "made"])
    expect(shown.json()["token"]).toBe(made.json()["token"])
    await cli(["token-email-update", "made", "new@example.com"])
    expect((await cli(["getToken", "--name", "made"])).json()["cert_email"]).toBe("new@example.com")
    const unsure = await cli(["token-delete", "made"], { answers: ["n"] })
    expect([unsure.code, unsure.err]).toEqual([
      3,
      expect.stringContaining("made will be deleted, and with it: nothing else"),
    ])
    expect((await cli(["token-delete", "made"], { answers: ["y"] })).code).toBe(0)
    expect((await cli(["token-delete", "made", "--yes"])).code).toBe(1)
  })

  test("ask before a value stands on a terminal", async () => {
    const shown = await cli(["token-show", "alice"], { tty: true, answers: ["no"] })
    expect([shown.code, shown.out]).toEqual([3, ""])
    expect((await cli(["token-show", "alice"], { tty: true, answers: ["yes"] })).out).toContain(alice)
  })

  test("show the certificates of one token or of all", async () => {
    await cli(["cert-create", "listed", "listed.test", "", "alice"])
    const one = (await cli(["token-show-certs", "alice"])).json<{ certificates: { cert_name: string }[] }>()
    expect(one.certificates.map(({ cert_name }) => cert_name)).toEqual(["listed"])
    const every = (await cli(["token-show-certs"])).json<{ certificates: object[] }>()
    expect(every.certificates).toContainEqual(expect.objectContaining({ token: "alice", cert_name: "listed" }))
  })
})
