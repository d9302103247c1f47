import { type Markup, markup } from "./markup.ts"
import { type Transaction, formActions } from "./transaction.ts"
import { findResource, type RequestedResource } from "./requested-resource.ts"
import { isLoopback, redirectHost } from "../events/redirect-uri.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import type { DeviceRequest } from "./device-code.ts"
import type { User } from "./user.ts"
import { moment } from "./account-page.ts"
import { page } from "./pages.ts"
import { providers } from "./providers.ts"
import { shownUserCode } from "./device-code.ts"
import { about } from "./outcome.ts"

/**
 * Asks a person whether the client may have what it asked for.
 * @param user whoever is signed in and may pass; undefined when a login comes next
 */
export async function askConsent(
  server: AuthorizationServer,
  client: Client,
  transaction: Transaction,
  user: User | undefined,
  device?: DeviceRequest,
): Promise<Response> {
  const { resources, scope, answer } = transaction
  const name = client.metadata.client_name ?? "An application without a name"
  const found = resources.flatMap((uri) => findResource(server, uri) ?? [])
  const next =
    user?.username ??
    providers(server)
      .map(({ words }) => words)
      .join(" or ")
  const asking = page(
    "Allow access?",
    markup`<p><strong>${name}</strong>${client.vouched ? undefined : " (unverified)"} wants access in your name. Allow it only if you started this yourself.</p>
<form method="post" action="/consent"><input type="hidden" name="transaction" value="${transaction.id}">
<input type="hidden" name="csrf" value="${transaction.csrf}">
<dl>${answer.via === "redirect" ? returnLines(answer.redirect_uri) : undefined}${device && deviceLines(device)}
<dt>Resources</dt><dd>${found.length === 0 ? "none in particular" : found.map(resourceLine)}</dd>
<dt>Permissions</dt><dd>${scope.map((item) => scopeLine(item, scope.length > 1))}</dd>
<dt>${user === undefined ? "Next step" : "Signed in as"}</dt><dd>${next}</dd>
${clientLines(client)}</dl>
${client.metadata.redirect_uris.length > 0 && client.metadata.redirect_uris.every(isLoopback) ? loopbackWarning : undefined}
<button class="go" name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>`,
    { formAction: await formActions(server, transaction) },
  )
  return about(asking, { client_id: client.client_id, ...(user !== undefined && { subject: user.subject }) })
}

const loopbackWarning = markup`<p class="note">This application runs on your own computer. Any program there can pretend to be it.</p>`

function returnLines(redirectUri: string): Markup {
  return markup`<dt>It will be answered at</dt><dd><strong>${redirectHost(redirectUri)}</strong><br>${redirectUri}</dd>`
}

/** A device's request can come from anybody: the person must be sure that it is theirs (RFC 8628 §5.4). */
function deviceLines({ user_code, ip, asked_at }: DeviceRequest): Markup {
  return markup`<dt>Device code</dt><dd><strong>${shownUserCode(user_code)}</strong></dd>
<dt>Asked for</dt><dd>${moment(new Date(asked_at).toISOString())} from ${ip}</dd>
<dt>Did you start this?</dt><dd class="note">If somebody sent you this code or link, deny: they would get access in your name.</dd>`
}

/** Of a client that describes itself, the host of its description is the one thing that is certain. */
function clientLines({ kind, client_id }: Client): Markup {
  const host =
    kind === "cimd" ? markup`<dt>Described by</dt><dd><strong>${new URL(client_id).host}</strong></dd>` : undefined
  return markup`${host}<dt>Client id</dt><dd>${client_id}</dd>`
}

function resourceLine({ uri, proxy }: RequestedResource): Markup {
  return markup`${uri} (${proxy.hostname})<br>`
}

const words: ReadonlyMap<string, string> = new Map([
  ["mcp:read", "read: list and read tools, prompts and resources"],
  ["mcp:write", "write: call tools and change things"],
  ["mcp:admin", "administration"],
  ["offline_access", "stay signed in when you are away"],
])

/** A scope in words, and a box for leaving it out: an unchanged form allows what the page says. */
function scopeLine(scope: string, optional: boolean): Markup {
  const meaning = words.get(scope)
  const box = markup`<label><input type="checkbox" name="without" value="${scope}"> leave out</label>`
  return markup`${meaning === undefined ? scope : `${meaning} (${scope})`}${optional ? box : undefined}<br>`
}
