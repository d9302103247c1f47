import { type Markup, markup } from "./markup.ts"
import { page } from "./pages.ts"

/** A page that ends what began on a device. */
export function devicePage(title: string, text: string): Response {
  return page(title, markup`<p>${text}</p>`)
}

/** Asks for the code that a device shows. A link that brings the code along still asks. */
export function userCodePage(code: string, message?: string): Response {
  const note: Markup | undefined =
    message === undefined ? undefined : markup`<p class="note" role="alert">${message}</p>`
  return page(
    "Connect a device",
    markup`${note}<p>Type the code that your device or program shows. Go on only if you started this yourself.</p>
<form method="post" action="/device"><label>Code<input type="text" name="user_code" value="${code}" autocomplete="off" autocapitalize="characters" spellcheck="false" required maxlength="20" autofocus></label>
<button class="go">Continue</button></form>`,
    { formAction: ["'self'"], status: message === undefined ? 200 : 400 },
  )
}
