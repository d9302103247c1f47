import { expect, it } from "vitest"
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { variables } from "../../src/platform/config.ts"

const root = join(import.meta.dirname, "../..")
const definitions = ["src/platform/config.ts", "src/platform/edge-variables.ts", "src/platform/oauth-variables.ts"]

/** What has no reader besides the warnings of a start, and why. */
const warnedOf = {
  FETCHER_NAVIGATION_TIMEOUT: "nothing fetches by a browser",
  OAUTH_JWT_SECRET: "a private key signs",
}

/** Everything that may read a variable, without the tables that define them. */
function sources(): string {
  const files = ["src", "scripts"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`),
  )
  const readers = files.filter((file) => file.endsWith(".ts") && !definitions.includes(file))
  return [...readers, "compose.yaml"].map((file) => readFileSync(join(root, file), "utf8")).join("\n")
}

it("every variable has a reader", () => {
  const text = sources()
  const config = readFileSync(join(root, definitions[0]!), "utf8")
  const unread = Object.keys(variables).filter(
    (name) => !new RegExp(`\\b${name}\\b`).test(text) && !config.includes(`values.${name}`),
  )
  expect(unread.sort()).toEqual(Object.keys(warnedOf).sort())
  for (const name of unread) expect(config).toMatch(new RegExp(`config\\.${name}\\b`))
})
