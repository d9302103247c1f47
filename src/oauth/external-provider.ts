import { type GroupWish, github, githubOn } from "./github.ts"
import { cappedGroups, namedGroups } from "./rule-groups.ts"
import { findResource } from "./requested-resource.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { Oidc } from "./oidc.ts"
import type { Transaction } from "./transaction.ts"
import type { User } from "./user.ts"

/** One login at a provider: what is sent along, and must come back. */
export interface ProviderLogin {
  readonly state: string
  readonly nonce: string
  readonly challenge: string
  readonly redirectUri: string
  readonly transaction: Transaction
}

/** A provider's answer, and what it must match. */
export interface ProviderReturn {
  readonly code: string
  readonly iss: string | undefined
  readonly verifier: string
  readonly nonce: string
  /** When the browser was sent there, seconds since the epoch. */
  readonly started: number
  readonly redirectUri: string
  readonly transaction: Transaction
}

/** An identity provider that the browser is sent to. */
export interface ExternalProvider {
  readonly name: "github" | "oidc"
  /** For people. */
  readonly label: string
  /** @throws ProviderError */
  authorizationUrl(login: ProviderLogin): Promise<string> | string
  /** Who signed in. @throws ProviderError */
  user(answer: ProviderReturn): Promise<User>
}

/** A provider that is configured; undefined for one that is not. */
export function externalProvider(
  server: AuthorizationServer,
  name: ExternalProvider["name"],
): ExternalProvider | undefined {
  switch (name) {
    case "github":
      return githubOn(server.config) ? githubProvider(server) : undefined
    case "oidc":
      return server.oidc && oidcProvider(server, server.oidc)
  }
}

function githubProvider(server: AuthorizationServer): ExternalProvider {
  const provider = github(server.config, server.fetch)
  return {
    name: "github",
    label: "GitHub",
    authorizationUrl: ({ state, challenge, redirectUri, transaction }) =>
      provider.authorizationUrl(state, challenge, redirectUri, groupWish(server, transaction), transaction.login_hint),
    async user({ code, verifier, redirectUri, transaction }) {
      const account = await provider.account(code, verifier, redirectUri, groupWish(server, transaction))
      return {
        provider: "github",
        subject: `github-${account.id}`,
        username: account.login,
        name: account.name || null,
        email: account.email,
        emailVerified: account.email !== null,
        groups: cappedGroups(server, account.groups),
        authTime: Math.floor(server.clock().getTime() / 1000),
      }
    },
  }
}

function oidcProvider(server: AuthorizationServer, provider: Oidc): ExternalProvider {
  const { OIDC_NAME: name } = server.config
  return {
    name: "oidc",
    label: name,
    authorizationUrl: ({ transaction, ...login }) =>
      provider.authorizationUrl({ ...login, loginHint: transaction.login_hint, fresh: transaction.fresh_login }),
    async user({ transaction, started, ...answer }) {
      const account = await provider.account({ ...answer, notBefore: transaction.fresh_login ? started : null })
      return {
        provider: "oidc",
        subject: `oidc-${name}-${account.sub}`,
        username: account.username,
        name: account.name,
        email: account.email,
        emailVerified: account.email !== null,
        groups: cappedGroups(server, account.groups),
        authTime: Math.floor(server.clock().getTime() / 1000),
      }
    },
  }
}

/** Organisations and teams are asked for only where a rule of the requested resources needs them. */
function groupWish(server: AuthorizationServer, { resources }: Transaction): GroupWish {
  const rules = resources.flatMap((uri) => findResource(server, uri)?.proxy ?? []).flatMap(namedGroups)
  const named = rules.filter((group) => group !== "*")
  return {
    organisations: named.some((group) => !group.includes("/")),
    teams: named.some((group) => group.includes("/")),
  }
}
