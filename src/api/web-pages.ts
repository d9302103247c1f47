import { commonHeaders } from "./problem.ts"
import { readFileSync } from "node:fs"

const csp =
  "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const pages = [
  { path: "/", file: "index.html", type: "text/html; charset=utf-8" },
  { path: "/style.css", file: "style.css", type: "text/css; charset=utf-8" },
] as const

/** The web pages of the admin host by path, read once. */
export function webPages(): [string, () => Response][] {
  return pages.map(({ path, file, type }) => {
    const body = readFileSync(new URL(`../web/${file}`, import.meta.url))
    const headers = {
      ...commonHeaders,
      "content-type": type,
      "content-security-policy": csp,
      "cross-origin-opener-policy": "same-origin",
      "cache-control": "no-cache",
    }
    return [path, () => new Response(body, { headers })]
  })
}
