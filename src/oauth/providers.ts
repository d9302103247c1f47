import type { AuthorizationServer } from "./authorization-server.ts"

/** An identity provider that people can sign in with. */
export interface Provider {
  readonly name: "local" | "github"
  /** For the consent page: how the person will sign in, and what is asked of the provider. */
  readonly words: string
}

/** GitHub where it is configured; an API token where nothing else is, or where both are wanted. */
export function providers({ config }: Pick<AuthorizationServer, "config">): Provider[] {
  const github = config.GITHUB_CLIENT_ID !== undefined && config.GITHUB_CLIENT_SECRET !== undefined
  const local = !github || config.OAUTH_LOCAL_LOGIN
  return [
    ...(github
      ? [{ name: "github", words: "Sign in with GitHub (your public profile and e-mail addresses)" } as const]
      : []),
    ...(local ? [{ name: "local", words: "Sign in with an API token of this Gatehouse" } as const] : []),
  ]
}
