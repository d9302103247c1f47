import { readFileSync, readdirSync } from "node:fs"
import { generatedPage } from "./markdown.ts"
import { join } from "node:path"

const folder = join(import.meta.dirname, "../../docs/decisions")

/** Files and titles of the decision records, oldest first. */
function decisions(): { readonly file: string; readonly title: string }[] {
  return readdirSync(folder)
    .filter((file) => /^\d{4}-.*\.md$/.test(file))
    .sort()
    .map((file) => ({ file, title: /^# (.*)$/m.exec(readFileSync(join(folder, file), "utf8"))?.[1] ?? file }))
}

/** List of the decision records. */
export function decisionsPage(): string {
  return generatedPage("Decisions", "docs/decisions", [
    "Half a page each: context, decision, consequence.",
    decisions()
      .map(({ file, title }) => `- [${title}](./${file})`)
      .join("\n"),
  ])
}
