import { extname, join } from "node:path"
import { readFileSync, readdirSync } from "node:fs"
import { commonHeaders } from "./problem.ts"

/** Own files only, and no text that becomes markup: a page's script cannot write HTML even by mistake. */
const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ")

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
}

const folder = join(import.meta.dirname, "../web")

/** The files of the web folder by path, read once: `index.html` is `/`, `api.html` is `/api`, the rest has its own name. */
export function webPages(): [string, () => Response][] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && extname(entry.name) in types)
    .map(({ parentPath, name }) => {
      const file = join(parentPath, name)
      const body = readFileSync(file)
      const headers = {
        ...commonHeaders,
        "content-type": types[extname(name)]!,
        "content-security-policy": csp,
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-cache",
      }
      return [pathOf(file), () => new Response(body, { headers })]
    })
}

function pathOf(file: string): string {
  return file
    .slice(folder.length)
    .replace(/\.html$/, "")
    .replace(/\/index$/, "/")
}
