import { auth, type OAuthClientProvider } from "@modelcontextprotocol/client"
import { fetch, type Agent } from "undici"
import { browser, type Page } from "./browser.ts"

const redirectUrl = "http://127.0.0.1:33418/callback"

/** A client of the official kind, and the person in front of it, who approves and signs in with an API token. */
export interface SignIn {
  readonly provider: OAuthClientProvider
  readonly fetch: typeof globalThis.fetch
  /** Where the sign-in led to, with code, state and iss; undefined before it was asked for. */
  callback(): URL | undefined
  tokens(): { readonly access_token: string; readonly refresh_token?: string } | undefined
  /** Status and address of each page of the sign-in, in order, without the queries. */
  readonly steps: readonly string[]
}

/** @param dispatcher connects to Gatehouse and trusts its certificate */
export function signIn(dispatcher: Agent, apiToken: string): SignIn {
  const kept: Record<string, unknown> = {}
  const slot = (name: string) => [() => kept[name], (value: unknown) => void (kept[name] = value)] as const
  const [clientInformation, saveClientInformation] = slot("client")
  const [tokens, saveTokens] = slot("tokens")
  const [codeVerifier, saveCodeVerifier] = slot("verifier")
  const [discoveryState, saveDiscoveryState] = slot("discovery")
  const steps: string[] = []
  let callback: URL | undefined
  const provider = {
    redirectUrl,
    clientMetadata: {
      client_name: "Gatehouse on the command line",
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    },
    clientInformation,
    saveClientInformation,
    tokens,
    saveTokens,
    codeVerifier,
    saveCodeVerifier,
    discoveryState,
    saveDiscoveryState,
    redirectToAuthorization: async (url: URL) => {
      callback = await approve(url, dispatcher, apiToken, steps)
    },
  } as OAuthClientProvider
  return {
    provider,
    fetch: ((url: string, init: object) => fetch(url, { ...init, dispatcher })) as never,
    callback: () => callback,
    tokens: () => kept["tokens"] as ReturnType<SignIn["tokens"]>,
    steps,
  }
}

/** Discovery, registration, consent, sign-in and code exchange for a protected URL. @returns its access token */
export async function accessToken(login: SignIn, serverUrl: URL): Promise<string> {
  const options = { serverUrl, fetchFn: login.fetch }
  await auth(login.provider, options)
  const answer = login.callback()?.searchParams
  const code = answer?.get("code")
  if (code === undefined || code === null)
    throw new Error(
      `the sign-in gave no code: ${answer?.get("error_description") ?? answer?.get("error") ?? "no answer"}`,
    )
  const iss = answer?.get("iss")
  await auth(login.provider, { ...options, authorizationCode: code, ...(iss ? { iss } : {}) })
  const token = login.tokens()?.access_token
  if (token === undefined) throw new Error("the code was not exchanged for a token")
  return token
}

async function approve(start: URL, dispatcher: Agent, apiToken: string, steps: string[]): Promise<URL> {
  const person = browser(dispatcher)
  const follow = async (page: Page): Promise<Page> => {
    steps.push(`${page.status} ${page.url.split("?")[0]}`)
    if (page.location === null || page.location.startsWith(redirectUrl)) return page
    return follow(await person.open(page.location))
  }
  const consent = await follow(await person.open(start))
  const login = await follow(await person.submit(consent, { decision: "allow" }))
  const done = login.location === null ? await follow(await person.submit(login, { token: apiToken })) : login
  if (done.location === null) throw new Error(`the sign-in ended at ${done.url} with ${done.status}`)
  return new URL(done.location)
}
