import { type Markup, markup } from "./markup.ts"
import type { BrowserSession } from "./session.ts"
import type { Used } from "../platform/usage.ts"
import type { Grant } from "../events/grant.ts"
import { page } from "./pages.ts"

/** A grant as its owner sees it. */
export interface AccountGrant {
  readonly grant: Grant
  readonly clientName: string | null
  /** When it last got tokens, where that is known; ISO 8601. */
  readonly lastToken: string | null
  /** What was done with it, where that is known. */
  readonly used: Used | undefined
}

/** What somebody allowed and where this browser is signed in, with a button to take each back. */
export function accountPage(
  { user, csrf }: BrowserSession,
  grants: readonly AccountGrant[],
  hosts: readonly string[],
): Response {
  const list =
    grants.length === 0
      ? [markup`<p>No application has access in your name.</p>`]
      : grants.map((row) => section(row, csrf))
  return page(
    "Your account",
    markup`<p>Signed in as <strong>${user.username}</strong> (${user.subject}). <a href="/logout">Sign out</a></p>${
      hosts.length === 0
        ? undefined
        : markup`
<p>This browser is signed in at ${hosts.join(", ")}.</p>`
    }
<h2>Applications with access in your name</h2>${list}`,
    { formAction: ["'self'"] },
  )
}

function section({ grant, clientName, lastToken, used }: AccountGrant, csrf: string): Markup {
  const use =
    used === undefined || used.last === 0
      ? undefined
      : markup`<dt>Last used</dt><dd>${moment(new Date(used.last).toISOString())}, ${used.requests} requests in all</dd>`
  const last = lastToken === null ? undefined : markup`<dt>Last renewed</dt><dd>${moment(lastToken)}</dd>`
  return markup`<section><h3>${clientName ?? "An application without a name"}</h3>
<dl><dt>Client id</dt><dd>${grant.client_id}</dd>
<dt>Resources</dt><dd>${grant.resources.length === 0 ? "none in particular" : grant.resources.map((uri) => markup`${uri}<br>`)}</dd>
<dt>Permissions</dt><dd>${grant.scope}</dd>
<dt>Allowed</dt><dd>${moment(grant.created_at)}</dd>${last}${use}</dl>
<form method="post" action="/account"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="grant" value="${grant.grant_id}">
<button>Take back</button></form></section>`
}

/** `2026-01-31 12:34 UTC` */
export function moment(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`
}
