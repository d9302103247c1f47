import { type Answer, exchange } from "./exchange.ts"
import { createHash, randomBytes } from "node:crypto"

/** The authorization server and who signs in there. */
export interface SignIn {
  readonly oauthHost: string
  readonly port: number
  readonly resource: string
  /** API token that the person signs in with. */
  readonly apiToken: string
}

const redirectUri = "http://127.0.0.1/callback"

/**
 * One real authorization code flow with PKCE: registers a client, allows it on the consent page, signs in by API token and
 * redeems the code.
 * @returns the access token
 * @throws Error naming the step that was not answered as expected
 */
export async function authorize({ oauthHost, port, resource, apiToken }: SignIn): Promise<string> {
  const cookies = new Map<string, string>()
  const origin = `https://${oauthHost}:${port}`
  const step = async (status: number, path: string, body?: string, type = "application/x-www-form-urlencoded") => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const headers = {
      ...(cookie !== "" && { Cookie: cookie }),
      ...(body !== undefined && { Origin: origin, "Content-Type": type }),
    }
    const answer = await exchange({ hostname: oauthHost, port, path, headers, ...(body !== undefined && { body }) })
    if (answer.status !== status)
      throw new Error(`${path.split("?")[0]} answered ${answer.status}: ${answer.body.slice(0, 500)}`)
    for (const line of answer.headers["set-cookie"] ?? []) keep(cookies, line)
    return answer
  }

  const metadata = { client_name: "bench", redirect_uris: [redirectUri], token_endpoint_auth_method: "none" }
  const { client_id } = json(await step(201, "/register", JSON.stringify(metadata), "application/json"))
  const verifier = randomBytes(32).toString("base64url")
  const challenge = createHash("sha256").update(verifier).digest("base64url")
  const request = {
    ...{ response_type: "code", client_id: client_id!, redirect_uri: redirectUri, resource },
    ...{ code_challenge: challenge, code_challenge_method: "S256", state: "bench" },
  }
  const consent = await step(200, `/authorize?${form(request)}`)
  const allowed = await step(303, "/consent", form({ ...hidden(consent), decision: "allow" }))
  const login = await step(200, allowed.headers.location!)
  const signedIn = await step(303, "/login", form({ ...hidden(login), token: apiToken }))
  const code = new URL(signedIn.headers.location!).searchParams.get("code")
  if (code === null) throw new Error(`the login ended without a code: ${signedIn.headers.location}`)
  const redemption = { client_id: client_id!, redirect_uri: redirectUri, code, code_verifier: verifier, resource }
  return json(await step(200, "/token", form({ grant_type: "authorization_code", ...redemption }))).access_token!
}

const form = (fields: Readonly<Record<string, string>>) => new URLSearchParams(fields).toString()

const json = ({ body }: Answer) => JSON.parse(body) as Readonly<Record<string, string | undefined>>

/** Values of a page's hidden fields. */
function hidden({ body }: Answer): Record<string, string> {
  return Object.fromEntries(
    [...body.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
  )
}

function keep(cookies: Map<string, string>, line: string): void {
  const [pair = ""] = line.split(";")
  const at = pair.indexOf("=")
  cookies.set(pair.slice(0, at), pair.slice(at + 1))
}
