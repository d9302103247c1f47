import type { Handler } from "./authorization-server.ts"
import { markup } from "./markup.ts"
import { page } from "./pages.ts"

/** `GET /`: says what this host is. */
export const home: Handler = ({ issuer }) =>
  page(
    "Gatehouse",
    markup`<p>This is the OAuth 2.1 authorization server <strong>${issuer}</strong>.</p>
<p>Applications find everything they need in its <a href="/.well-known/oauth-authorization-server">metadata</a>.</p>`,
  )
