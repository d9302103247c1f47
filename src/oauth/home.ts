import type { Handler } from "./authorization-server.ts"
import { markup } from "./markup.ts"
import { page } from "./pages.ts"

/** `GET /`: says what this host is, and to developers (`service_documentation`, RFC 8414 §2) how an application gets its access. */
export const home: Handler = ({ issuer, config }) =>
  page(
    "Gatehouse",
    markup`<p>This is the OAuth 2.1 authorization server <strong>${issuer}</strong>. What you allowed to whom is at <a href="/account">/account</a>.</p>
<h2>For developers</h2>
<p>Everything that an application needs is in the <a href="/.well-known/oauth-authorization-server">metadata</a>.</p>
<dl><dt>Start</dt><dd>Ask the protected host without a token: its 401 names the resource metadata, and that names this server.</dd>
<dt>Client</dt><dd>${config.OAUTH_REGISTRATION ? "Register at /register (RFC 7591), or use" : "Use"} the https URL of a client ID metadata document as client_id, or ask an administrator.</dd>
<dt>Login</dt><dd>Authorization code with PKCE (S256), for every client. Devices without a browser: /device_authorization (RFC 8628).</dd>
<dt>Resource</dt><dd>Name the host with resource (RFC 8707); a token opens the hosts that it names and no others.</dd>
<dt>Tokens</dt><dd>Good for ${config.OAUTH_ACCESS_TOKEN_LIFETIME} seconds; a refresh token is new after each use, and the old one is void. With a DPoP proof (RFC 9449) they are bound to your key.</dd></dl>`,
  )
