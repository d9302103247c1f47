import { code, generatedPage, markdownTable, prose } from "./markdown.ts"
import { catalogue } from "../../src/errors.ts"

/** Table of every error code. */
export function errorsPage(): string {
  const rows = Object.entries(catalogue).map(([name, { status, title }]) => [code(name), String(status), prose(title)])
  return generatedPage("Errors", "src/errors.ts", [
    "Errors are RFC 9457 problem documents. Match on `code`: it is stable, the texts are not.",
    markdownTable(["code", "status", "meaning"], rows),
  ])
}
