import { type Browser, type Page, agent, browser } from "./browser.ts"
import type { Agent } from "undici"
import { fetch as undiciFetch } from "undici"

/** Everything that an MCP client stores, and a person who approves it: consent page, login with an API token. */
export interface Login {
  /** `OAuthClientProvider` of either SDK. */
  readonly provider: Record<string, unknown> & { redirectUrl: string }
  /** `fetch` that reaches 127.0.0.1 by any name and trusts the given CA. */
  readonly fetch: typeof globalThis.fetch
  /** Callback URL with code, state and iss after the person approved. */
  readonly callback: () => URL
  /** Pages that the person saw, in order. */
  readonly pages: Page[]
  readonly tokens: () => { access_token: string; refresh_token?: string; scope?: string } | undefined
  readonly clientId: () => string | undefined
  readonly dispatcher: Agent
}

const redirectUrl = "http://127.0.0.1:33418/callback"

/** @param apiToken with it the person signs in at the `local` identity provider */
export function mcpLogin(ca: string | string[], apiToken: string): Login {
  const dispatcher = agent(ca)
  const person = browser(dispatcher)
  const stored: Record<string, unknown> = {}
  const pages: Page[] = []
  let callback: URL | undefined
  const keep = (name: string) => [() => stored[name], (value: unknown) => void (stored[name] = value)] as const
  const [clientInformation, saveClientInformation] = keep("client")
  const [tokens, saveTokens] = keep("tokens")
  const [codeVerifier, saveCodeVerifier] = keep("verifier")
  const [discoveryState, saveDiscoveryState] = keep("discovery")
  return {
    provider: {
      redirectUrl,
      clientMetadata: {
        client_name: "End-to-end test",
        redirect_uris: [redirectUrl],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
      },
      state: () => "state-of-the-test",
      clientInformation,
      saveClientInformation,
      tokens,
      saveTokens,
      codeVerifier,
      saveCodeVerifier,
      discoveryState,
      saveDiscoveryState,
      redirectToAuthorization: async (url: URL) => {
        callback = await approve(person, url, apiToken, pages)
      },
    },
    fetch: ((url: string | URL, init?: object) =>
      undiciFetch(url, { ...init, dispatcher })) as unknown as typeof globalThis.fetch,
    callback() {
      if (callback === undefined) throw new Error("the client did not ask for authorization")
      return callback
    },
    pages,
    tokens: () => stored["tokens"] as ReturnType<Login["tokens"]>,
    clientId: () => (stored["client"] as { client_id?: string } | undefined)?.client_id,
    dispatcher,
  }
}

async function approve(person: Browser, url: URL, apiToken: string, pages: Page[]): Promise<URL> {
  const follow = async (page: Page): Promise<Page> => {
    pages.push(page)
    if (page.location === null || page.location.startsWith(redirectUrl)) return page
    return follow(await person.fetch(page.location))
  }
  const consent = await follow(await person.fetch(url))
  // Signed in already, and allowed before.
  if (consent.location !== null) return new URL(consent.location)
  const login = await follow(await person.submit(consent, { decision: "allow" }))
  const done = login.location === null ? await follow(await person.submit(login, { token: apiToken })) : login
  if (done.location === null)
    throw new Error(`the login did not end in a redirect: ${done.status} ${done.url}\n${done.text.slice(0, 2000)}`)
  return new URL(done.location)
}
