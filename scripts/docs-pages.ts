// Writes the generated pages of docs/ from the tables in src: node scripts/docs-pages.ts
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { generatedPages } from "./docs/generated-pages.ts"

const docs = join(import.meta.dirname, "../docs")

rmSync(join(docs, "reference"), { recursive: true, force: true })
for (const [path, text] of generatedPages()) {
  mkdirSync(dirname(join(docs, path)), { recursive: true })
  writeFileSync(join(docs, path), text)
}
