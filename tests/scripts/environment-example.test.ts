import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { expect, it } from "vitest"
import { environmentExample } from "../../scripts/stack/environment-example.ts"
import { variables } from "../../src/platform/config.ts"

const file = readFileSync(join(import.meta.dirname, "../../.env.example"), "utf8")

it("is what `just env-example` writes", () => {
  expect(file).toBe(environmentExample())
})

it("names every variable with a meaning", () => {
  for (const [name, schema] of Object.entries(variables)) {
    expect(file).toMatch(new RegExp(`^(# )?${name}=`, "m"))
    expect(schema.description ?? "", name).not.toBe("")
  }
})

it("sets nothing by itself but asks for the one value that a start by hand needs", () => {
  expect(parseEnv(file)).toEqual({ MASTER_KEY: "" })
})

it("gives defaults that are accepted as they stand", () => {
  for (const [, name, value] of file.matchAll(/^# ([A-Z0-9_]+)=(.+)$/gm)) {
    const schema = variables[name as keyof typeof variables]
    expect(schema.safeParse(value).success, `${name}=${value}`).toBe(true)
  }
})
