import type { Answered, Reach } from "../api/diagnose/reach.ts"
import { type ServerDocument, authorizationRequest, redirectUri } from "../api/diagnose/server-steps.ts"
import { CliFailure } from "./failure.ts"

/** What an authorization server issued (RFC 6749 §5.1). */
export interface Issued {
  readonly access_token: string
  readonly refresh_token?: string
  readonly expires_in: number
  readonly scope: string
}

/**
 * Goes the way of a browser: consent page, sign-in with an API token, redirect, and redeems the code.
 * @param apiToken value of the token to sign in with
 * @throws CliFailure when a page is not the expected one
 */
export async function signIn(
  calls: Reach,
  server: ServerDocument,
  clientId: string,
  resource: string,
  apiToken: string,
): Promise<Issued> {
  const request = authorizationRequest(server, clientId, resource)
  const browser = browse(calls)
  const consent = await browser.visit(request.url)
  const decided = await browser.submit(consent, { decision: "allow" })
  const login = await browser.visit(new URL(decided.header("location") ?? "", decided.url).href)
  const done = await browser.submit(login, { token: apiToken })
  const answer = URL.parse(done.header("location") ?? "")
  const code = answer?.searchParams.get("code")
  const error = answer?.searchParams.get("error_description") ?? answer?.searchParams.get("error")
  if (code == null) throw new CliFailure("apiError", `sign_in_refused: ${error ?? "the API token is not accepted"}`)
  if (answer!.searchParams.get("state") !== request.state)
    throw new CliFailure("apiError", "sign_in_refused: the state is another's")
  const redeemed = await calls.ask(server.content["token_endpoint"] as string, {
    ...form({
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUri,
      code_verifier: request.verifier,
      client_id: clientId,
      resource,
    }),
  })
  if (redeemed.status !== 200)
    throw new CliFailure("apiError", `sign_in_refused: the token endpoint answers ${redeemed.status}`)
  return redeemed.json as unknown as Issued
}

function form(fields: Readonly<Record<string, string>>) {
  const headers = { "content-type": "application/x-www-form-urlencoded" }
  return { method: "POST" as const, headers, body: new URLSearchParams(fields).toString() }
}

/** A browser without a screen: cookies, and forms sent from their own page. */
function browse(calls: Reach) {
  const cookies = new Map<string, string>()
  const ask = async (url: string, asking: Parameters<Reach["ask"]>[1] = {}) => {
    const cookie = [...cookies].map((pair) => pair.join("=")).join("; ")
    const answer = await calls.ask(url, {
      ...asking,
      headers: { accept: "text/html", ...(cookie !== "" && { cookie }), ...asking.headers },
    })
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(answer.header("set-cookie") ?? "") ?? []
    if (name !== undefined) cookies.set(name, value!)
    return answer
  }
  return {
    visit: (url: string) => ask(url),
    submit(page: Answered, fields: Readonly<Record<string, string>>) {
      const action = /<form method="post" action="([^"]+)">/.exec(page.text)?.[1]
      const offered = Object.keys(fields).every((name) => page.text.includes(` name="${name}"`))
      if (action === undefined || !offered)
        throw new CliFailure(
          "apiError",
          `sign_in_refused: ${new URL(page.url).pathname} answers ${page.status} without the form for ${Object.keys(fields).join()}`,
        )
      const hidden = [...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map(
        ([, name, value]) => [name!, value!],
      )
      const { headers, ...rest } = form({ ...Object.fromEntries(hidden), ...fields })
      return ask(new URL(action, page.url).href, { ...rest, headers: { ...headers, origin: new URL(page.url).origin } })
    },
  }
}
