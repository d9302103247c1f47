import { describe, expect, test } from "vitest"
import { fc } from "../support/property.ts"
import { randomBytes } from "node:crypto"
import { vault } from "../../src/platform/vault.ts"

const key = randomBytes(32)

describe("the vault", () => {
  test("opens what it sealed, for any text", () => {
    const one = vault(key)
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        (text) => one.open("ref", one.seal("ref", text)) === text.toWellFormed(),
      ),
    )
  })

  test("never seals the same way twice and shows nothing of the text", () => {
    const one = vault(key)
    const [a, b] = [one.seal("ref", "correct horse"), one.seal("ref", "correct horse")]
    expect(a).not.toBe(b)
    expect(Buffer.from(a.split(".")[3]!, "base64url").includes("horse")).toBe(false)
    expect(a).not.toContain(key.toString("base64url"))
  })

  test("says that another master key sealed an entry, without naming either", () => {
    const sealed = vault(randomBytes(32)).seal("ref", "text")
    expect(() => vault(key).open("ref", sealed)).toThrowError(
      expect.objectContaining({ name: "VaultError", code: "wrong_key" }),
    )
  })

  test("does not open an entry under another reference", () => {
    const sealed = vault(key).seal("one", "text")
    expect(() => vault(key).open("two", sealed)).toThrowError(expect.objectContaining({ code: "damaged" }))
  })

  test("does not open an entry with one changed bit, wherever it is", () => {
    const one = vault(key)
    const [version, id, ...parts] = one.seal("ref", "text").split(".") as [string, string, string, string]
    for (const part of [0, 1])
      for (let byte = 0; byte < Buffer.from(parts[part]!, "base64url").length; byte++) {
        const changed = parts.map((text) => Buffer.from(text, "base64url"))
        changed[part]![byte]! ^= 1
        const text = [version, id, ...changed.map((bytes) => bytes.toString("base64url"))].join(".")
        expect(() => one.open("ref", text)).toThrowError(expect.objectContaining({ code: "damaged" }))
      }
  })

  test.each(["", "v1", "v1.a.b", "v2.a.b.c", "v1.a.b.c.d", "text"])("calls %j damaged", (text) => {
    expect(() => vault(key).open("ref", text)).toThrowError(expect.objectContaining({ code: "damaged" }))
  })

  test("calls a cut entry damaged", () => {
    const sealed = vault(key).seal("ref", "text")
    const [version, id, wrapped] = sealed.split(".")
    for (const text of [`${version}.${id}..`, `${version}.${id}.${wrapped}.`, sealed.slice(0, -3)])
      expect(() => vault(key).open("ref", text)).toThrowError(expect.objectContaining({ code: "damaged" }))
  })
})
