import { describe, expect, it } from "vitest"
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { generatedPages } from "../../scripts/docs/generated-pages.ts"
import { join } from "node:path"
import { schemaRows } from "../../scripts/docs/schema-rows.ts"
import { tmpdir } from "node:os"

const root = join(import.meta.dirname, "../..")
const docs = join(root, "docs")

describe("the generated pages", () => {
  const pages = generatedPages()

  it.each([...pages])("%s is what the tables say: `just docs-pages`", (path, text) => {
    expect(readFileSync(join(docs, path), "utf8")).toBe(text)
  })

  it("are all there is in the reference: `just docs-pages`", () => {
    const present = readdirSync(join(docs, "reference"), { recursive: true, encoding: "utf8" })
    expect(new Set(present.filter((file) => file.endsWith(".md")).map((file) => `reference/${file}`))).toEqual(
      new Set([...pages.keys()].filter((path) => path.startsWith("reference/"))),
    )
  })
})

it("rows of a schema name nested fields, and end where a schema holds itself", () => {
  const schemas = {
    Tree: {
      type: "object",
      required: ["name"],
      properties: { name: { type: "string" }, leaves: { type: "array", items: { $ref: "#/components/schemas/Tree" } } },
    },
  }
  const rows = schemaRows({ $ref: "#/components/schemas/Tree" }, schemas)
  expect(rows.slice(0, 3)).toEqual([
    ["`name`", "`string`", ""],
    ["`leaves` (optional)", "`list of object`", ""],
    ["`leaves[].name`", "`string`", ""],
  ])
  expect(rows).toHaveLength(8)
})

it("the site is built, its links lead somewhere, and it loads nothing from elsewhere", () => {
  const site = mkdtempSync(join(tmpdir(), "gatehouse-site-"))
  try {
    const program = join(root, "node_modules/vitepress/bin/vitepress.js")
    // A dead link fails the build.
    execFileSync(process.execPath, [program, "build", "docs", "--outDir", site], { cwd: root, stdio: "pipe" })
    const files = readdirSync(site, { recursive: true, encoding: "utf8" })
    expect(files).toEqual(expect.arrayContaining(["index.html", "operations.html", "reference/api/proxies.html"]))
    for (const file of files.filter((name) => name.endsWith(".html")))
      expect(readFileSync(join(site, file), "utf8")).not.toMatch(
        /<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?\/\//,
      )
    for (const file of files.filter((name) => name.endsWith(".css")))
      expect(readFileSync(join(site, file), "utf8")).not.toMatch(/url\(["']?(?:https?:)?\/\//)
  } finally {
    rmSync(site, { recursive: true, force: true })
  }
}, 120_000)
