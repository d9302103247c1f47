import { Client, StreamableHTTPClientTransport, type OAuthClientProvider } from "@modelcontextprotocol/client"
import { fetch } from "undici"
import { browser, loopbackAgent, type Page } from "./browser.ts"

const redirectUrl = "http://127.0.0.1:33418/callback"

/** What one run of the official client saw. */
export interface DemoAnswer {
  readonly tools: number
  /** Text that the tool gave back. */
  readonly text: string
  /** Addresses of the pages of the sign-in, in order, without their queries. */
  readonly steps: readonly string[]
}

/**
 * Makes one MCP call as a client would that knows nothing but the URL: 401, discovery, registration, consent, sign-in
 * with an API token, code, access token, call.
 * @param ca PEM of the CA that signed the demo's certificate
 */
export async function callThroughGatehouse(url: URL, ca: string, apiToken: string): Promise<DemoAnswer> {
  const dispatcher = loopbackAgent(ca)
  const steps: string[] = []
  let callback: URL | undefined
  const provider = memoryProvider(async (authorize) => {
    callback = await signIn(authorize, dispatcher, apiToken, steps)
  })
  const connect = () =>
    new StreamableHTTPClientTransport(url, {
      authProvider: provider,
      fetch: ((target: string, init: object) => fetch(target, { ...init, dispatcher })) as never,
    })
  try {
    const first = connect()
    const refused = await new Client({ name: "gatehouse-demo", version: "1" }).connect(first).then(
      () => false,
      (error: Error) => {
        if (callback === undefined) throw error
        return true
      },
    )
    if (!refused || callback === undefined) throw new Error(`${url.href} let a client in without a token`)
    await first.finishAuth(callback.searchParams)
    const client = new Client({ name: "gatehouse-demo", version: "1" })
    await client.connect(connect())
    const { tools } = await client.listTools()
    const result = await client.callTool({ name: "get-sum", arguments: { a: 19, b: 23 } })
    await client.close()
    return { tools: tools.length, text: textOf(result), steps }
  } finally {
    await dispatcher.close()
  }
}

function textOf(result: unknown): string {
  const { content } = result as { content: readonly { type: string; text?: string }[] }
  return content.flatMap((part) => part.text ?? []).join("\n")
}

async function signIn(
  start: URL,
  dispatcher: ReturnType<typeof loopbackAgent>,
  apiToken: string,
  steps: string[],
): Promise<URL> {
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

/** Keeps what a client stores between the steps of the flow. */
function memoryProvider(redirect: (url: URL) => Promise<void>): OAuthClientProvider {
  const kept: Record<string, unknown> = {}
  const slot = (name: string) => [() => kept[name], (value: unknown) => void (kept[name] = value)] as const
  const [clientInformation, saveClientInformation] = slot("client")
  const [tokens, saveTokens] = slot("tokens")
  const [codeVerifier, saveCodeVerifier] = slot("verifier")
  const [discoveryState, saveDiscoveryState] = slot("discovery")
  return {
    redirectUrl,
    clientMetadata: {
      client_name: "Gatehouse demo",
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
    redirectToAuthorization: redirect,
  } as OAuthClientProvider
}
