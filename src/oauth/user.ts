import { findResource, type RequestedResource } from "./requested-resource.ts"
import { type AccessRule, type Person, type RuleFault, ruleFault } from "../projections/access-rule.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import { find } from "../events/world.ts"

/** Somebody who signed in, as the identity provider described them. */
export interface User {
  /** `issuer`: a trusted issuer vouches for them; `client`: nobody, the client acts for itself. */
  readonly provider: "local" | "github" | "oidc" | "issuer" | "client"
  /** `local-<token name>`, `github-<numeric id>`, `oidc-<provider>-<sub>`, or a client id */
  readonly subject: string
  readonly username: string
  readonly name: string | null
  readonly email: string | null
  readonly emailVerified: boolean
  readonly groups: readonly string[]
  /** When they proved it, seconds since the epoch. */
  readonly authTime: number
}

/** Why a user may not sign in or stay; stable, for the log. */
export type PolicyFault = "account_gone" | "account_not_listed" | "resource_unknown" | RuleFault

/**
 * May this user (still) get tokens for these resources? Asked at login and again at every refresh.
 * @param since when the account proved itself, if not just now: an API token made later under the same name is somebody else
 */
export function policyFault(
  server: AuthorizationServer,
  user: User,
  clientId: string,
  resources: readonly string[],
  since?: Date,
): PolicyFault | undefined {
  const account = accountFault(server, user, since)
  if (account !== undefined) return account
  for (const uri of resources) {
    const resource = findResource(server, uri)
    const fault = resource === undefined ? "resource_unknown" : resourceFault(resource, user, clientId)
    if (fault !== undefined) return fault
  }
  return undefined
}

function resourceFault({ proxy }: RequestedResource, user: User, clientId: string): RuleFault | undefined {
  if (proxy.auth === null) return undefined
  return ruleFault(proxy.auth, personOf(user, clientId))
}

/** A user as rules look at them. */
export function personOf(user: User, clientId: string): Person {
  return {
    subject: user.subject,
    username: user.username,
    verifiedEmail: user.emailVerified ? user.email : null,
    groups: user.groups,
    clientId,
  }
}

function accountFault(
  { projections, config }: AuthorizationServer,
  user: User,
  since: Date | undefined,
): PolicyFault | undefined {
  switch (user.provider) {
    case "client":
    case "issuer":
      return undefined
    case "oidc":
      return oidcListed(config, user) ? undefined : "account_not_listed"
    case "github":
      return githubListed(config.OAUTH_ALLOWED_GITHUB_USERS, user.username) ? undefined : "account_not_listed"
    case "local": {
      const token = find(projections.world, "api-token", user.username.toLowerCase())
      if (token === undefined) return "account_gone"
      return since !== undefined && Date.parse(token.created_at) > since.getTime() ? "account_gone" : undefined
    }
  }
}

/**
 * Is a GitHub login on the allow-list? Unset = nobody, `*` = everybody.
 * @param list comma separated, any case
 */
export function githubListed(list: string | undefined, login: string): boolean {
  const entries = (list ?? "").split(",").map((entry) => entry.trim().toLowerCase())
  return entries.includes("*") || entries.includes(login.toLowerCase())
}

/** Is a user of the OpenID provider on the allow-list? Verified addresses and groups count, names that people choose do not. */
function oidcListed({ OIDC_ALLOWED_USERS: list, OIDC_NAME: name }: AuthorizationServer["config"], user: User): boolean {
  const prefix = `oidc-${name}-`
  if (!user.subject.startsWith(prefix)) return false
  const sub = user.subject.slice(prefix.length)
  const addresses = list.filter((entry) => entry.includes("@") || entry.startsWith("*"))
  const groups = list.flatMap((entry) => /^group:(.+)$/.exec(entry)?.[1] ?? [])
  const person = personOf(user, "")
  const passes = (rule: Partial<AccessRule>) => ruleFault({ ...noRule, ...rule }, person) === undefined
  return list.includes(sub) || passes({ auth_required_emails: addresses }) || passes({ auth_required_groups: groups })
}

const noRule: AccessRule = { auth_required_users: null, auth_required_emails: null, auth_required_groups: null }
