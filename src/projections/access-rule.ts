import { foldAscii, readAddress, readEmailPattern } from "../events/access-pattern.ts"
import type { Proxy } from "../events/proxy.ts"

/** The people rule of a proxy. `null` = no rule of that kind, `[]` = nobody, `["*"]` = anybody signed in. */
export type AccessRule = Pick<
  NonNullable<Proxy["auth"]>,
  "auth_required_users" | "auth_required_emails" | "auth_required_groups"
>

/** Somebody who signed in, as far as a rule looks at them. */
export interface Person {
  /** Subject identifier: `github-…`, `oidc-…`, `local-…`; a machine's is its client id. */
  readonly subject: string
  /** Login at the identity provider; null for machines. */
  readonly username: string | null
  /** Address that the provider vouched for; null where there is none or it is unverified. */
  readonly verifiedEmail: string | null
  readonly groups: readonly string[]
  /** OAuth client that acts; null in a browser login of our own. */
  readonly clientId: string | null
}

/** Which kind of rule refused. */
export type RuleFault = "user_not_allowed" | "email_not_allowed" | "group_not_allowed"

/**
 * May this person pass? Kinds are joined by AND, the entries of one kind by OR.
 * @returns the first kind that refuses, or undefined when all agree
 */
export function ruleFault(rule: AccessRule, person: Person): RuleFault | undefined {
  const { auth_required_users: users, auth_required_emails: emails, auth_required_groups: groups } = rule
  if (users !== null && !users.some((entry) => isUser(entry, person))) return "user_not_allowed"
  if (emails !== null && !emails.some((entry) => isEmail(entry, person.verifiedEmail))) return "email_not_allowed"
  if (groups !== null && !groups.some((entry) => isMember(entry, person.groups))) return "group_not_allowed"
  return undefined
}

const machinePrefix = "client:"
const subjectForm = /^(?:github|oidc|local)-/

/**
 * A user entry: `*`, a subject, a login, or `client:<client_id>` for a machine that acts for itself.
 * An entry in the form of a subject never matches a login: logins are chosen by their owners, and `github-583231` is a
 * login that anybody may register. `client:` never matches people who merely use that client.
 */
function isUser(entry: string, { subject, username, clientId }: Person): boolean {
  if (entry === "*") return true
  if (entry.startsWith(machinePrefix))
    return clientId !== null && subject === clientId && entry.slice(machinePrefix.length) === clientId
  const wanted = foldAscii(entry)
  if (foldAscii(subject) === wanted) return true
  return username !== null && !subjectForm.test(wanted) && foldAscii(username) === wanted
}

function isEmail(entry: string, email: string | null): boolean {
  const pattern = readEmailPattern(entry)
  if (pattern?.type === "any") return true
  const address = email === null ? undefined : readAddress(email)
  if (pattern === undefined || address === undefined) return false
  switch (pattern.type) {
    case "address":
      return address.local === pattern.local && address.domain === pattern.domain
    case "domain":
      return address.domain === pattern.domain
    case "subdomains":
      return address.domain.endsWith(`.${pattern.domain}`)
  }
}

/** A group entry: `*`, or a name, exact but for case. */
function isMember(entry: string, groups: readonly string[]): boolean {
  const wanted = foldAscii(entry)
  return entry === "*" || groups.some((group) => foldAscii(group) === wanted)
}
