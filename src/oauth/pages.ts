import { type Markup, markup } from "./markup.ts"
import type { Provider } from "./providers.ts"
import { createHash } from "node:crypto"

const style = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;display:grid;place-items:start center;padding:4rem 1rem}
main{max-width:34rem;width:100%}
h1{font-size:1.4rem;margin:0 0 1rem}
dl{margin:1rem 0}dt{opacity:.7;font-size:.85rem}dd{margin:0 0 .75rem;overflow-wrap:anywhere}
.note{border-left:3px solid #c60;padding-left:.75rem}
label{display:block;margin:1rem 0}
h2{font-size:1.1rem}h3{font-size:1rem;margin:1.5rem 0 .5rem}section{border-top:1px solid #8884}
dd label{display:inline;margin:0 0 0 .5rem;opacity:.8;font-size:.85rem}
input[type=password],input[type=text]{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem;margin-top:.25rem}
button,a.button{font:inherit;padding:.5rem 1.25rem;border-radius:.4rem;border:1px solid #8888;cursor:pointer;margin-right:.5rem;display:inline-block;text-decoration:none;color:inherit;background:none}
button.go{background:#1769aa;border-color:#1769aa;color:#fff}
`
const styleSource = `'sha256-${createHash("sha256").update(style).digest("base64")}'`

/** What a page needs besides its body. */
interface PageOptions {
  readonly status?: number
  /** CSP sources that a form of this page may lead to, through redirects too; none when it has no form. */
  readonly formAction?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** An HTML page: no scripts, no frames, nothing from elsewhere, never stored. */
export function page(
  title: string,
  body: Markup,
  { status = 200, formAction = [], headers = {} }: PageOptions = {},
): Response {
  const document = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><title>${title}</title><style>${{ text: style }}</style></head>
<body><main><h1>${title}</h1>${body}</main></body></html>
`
  const policy = [
    "default-src 'none'",
    `style-src ${styleSource}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action ${formAction.length === 0 ? "'none'" : [...new Set(formAction)].join(" ")}`,
  ]
  return new Response(document.text, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy.join("; "),
      "x-frame-options": "DENY",
      "cross-origin-opener-policy": "same-origin",
      "cache-control": "no-store",
      ...headers,
    },
  })
}

/** A page that says what went wrong and what to do. */
export function errorPage(
  status: number,
  title: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return page(title, markup`<p>${text}</p>`, { status, headers })
}

/** What the login page shows. */
interface LoginView {
  readonly transaction: string
  readonly csrf: string
  readonly providers: readonly Provider[]
  /** Why it is shown again. */
  readonly message?: string
  readonly formAction: readonly string[]
  readonly status: number
}

/** Choice of the identity provider, with the form of the `local` one. */
export function loginPage({ transaction, csrf, providers, message, formAction, status }: LoginView): Response {
  const note = message === undefined ? undefined : markup`<p class="note" role="alert">${message}</p>`
  const links = providers
    .filter(({ name }) => name !== "local")
    .map(
      ({ name, label }) =>
        markup`<p><a class="button" href="/login/${name}?transaction=${transaction}">Sign in with ${label}</a></p>`,
    )
  const local = providers.some(({ name }) => name === "local")
  const form = markup`<form method="post" action="/login"><input type="hidden" name="transaction" value="${transaction}">
<input type="hidden" name="csrf" value="${csrf}">
<label>API token<input type="password" name="token" autocomplete="off" required maxlength="512" autofocus></label>
<button class="go">Sign in</button></form>`
  return page("Sign in", markup`${note}${links}${local ? form : undefined}`, { formAction, status })
}
