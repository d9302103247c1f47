import type { AuthorizationServer } from "./authorization-server.ts"
import { githubOn } from "./github.ts"

/** An identity provider that people can sign in with. */
export interface Provider {
  readonly name: "local" | "github" | "oidc"
  /** For a button. */
  readonly label: string
  /** For the consent page: how the person will sign in, and what is asked of the provider. */
  readonly words: string
}

const local: Provider = { name: "local", label: "an API token", words: "Sign in with an API token of this Gatehouse" }
const github: Provider = {
  name: "github",
  label: "GitHub",
  words: "Sign in with GitHub (your public profile and e-mail addresses)",
}

/** What is configured; an API token where nothing else is, or where both are wanted. */
export function providers({ config }: Pick<AuthorizationServer, "config">): Provider[] {
  const { OIDC_ISSUER: issuer, OIDC_NAME: name, OIDC_SCOPES: scopes } = config
  const external = [
    ...(githubOn(config) ? [github] : []),
    ...(issuer === undefined
      ? []
      : [{ name: "oidc", label: name, words: `Sign in with ${name} (${scopes})` } as const]),
  ]
  return external.length === 0 || config.OAUTH_LOCAL_LOGIN ? [...external, local] : external
}

/** Origins that a form of ours may lead to on the way to a login, for CSP. */
export async function loginOrigins({ config, oidc }: Pick<AuthorizationServer, "config" | "oidc">): Promise<string[]> {
  return [
    ...(githubOn(config) ? [new URL(config.GITHUB_BASE_URL).origin] : []),
    ...(oidc === undefined ? [] : [await oidc.origin()]),
  ]
}
