import { type Answer, type OAuthNode, send } from "./oauth-node.ts"
import { type Person, person } from "./person.ts"
import { createHash, randomBytes } from "node:crypto"

/** A registered client with everything it keeps. */
export interface TestClient {
  readonly client_id: string
  readonly client_secret?: string
  readonly redirect_uri: string
  readonly registration_access_token: string
}

export const redirectUri = "https://client.example/callback?from=gatehouse"

export async function registerClient(node: OAuthNode, metadata: Record<string, unknown> = {}): Promise<TestClient> {
  const answer = await send(node, "/register", {
    json: {
      client_name: "Test client",
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
      ...metadata,
    },
  })
  if (answer.status !== 201) throw new Error(`registration: ${answer.status} ${answer.text}`)
  const body = answer.json<{
    client_id: string
    client_secret?: string
    redirect_uris: string[]
    registration_access_token: string
  }>()
  return { ...body, redirect_uri: body.redirect_uris[0]! }
}

export const verifier = () => randomBytes(32).toString("base64url")
export const challenge = (value: string) => createHash("sha256").update(value).digest("base64url")

/** Path of an authorization request; `undefined` leaves a parameter out. */
export function authorizePath(
  client: TestClient,
  codeVerifier: string,
  overrides: Record<string, string | readonly string[] | undefined> = {},
): string {
  const parameters: Record<string, string | readonly string[] | undefined> = {
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: client.redirect_uri,
    state: "the state",
    code_challenge: challenge(codeVerifier),
    code_challenge_method: "S256",
    ...overrides,
  }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters))
    for (const item of value === undefined ? [] : typeof value === "string" ? [value] : value) query.append(name, item)
  return `/authorize?${query.toString()}`
}

/** Consent and local login of an authorization request. @returns the redirect to the client */
export async function approve(
  node: OAuthNode,
  path: string,
  apiToken: string,
  who: Person = person(node),
): Promise<Answer> {
  const consent = await who.visit(path)
  if (consent.status !== 200) return consent
  const allowed = await who.submit(consent, { decision: "allow" })
  if (allowed.location?.pathname !== "/login") return allowed
  const login = await who.visit(allowed.location.pathname + allowed.location.search)
  return who.submit(login, { token: apiToken })
}

/** An authorization from start to code. */
export async function codeFor(
  node: OAuthNode,
  client: TestClient,
  apiToken: string,
  overrides: Record<string, string | readonly string[] | undefined> = {},
): Promise<{ code: string; verifier: string }> {
  const codeVerifier = verifier()
  const answer = await approve(node, authorizePath(client, codeVerifier, overrides), apiToken)
  const code = answer.location?.searchParams.get("code")
  if (code === null || code === undefined)
    throw new Error(`no code: ${answer.status} ${answer.location?.href ?? answer.text}`)
  return { code, verifier: codeVerifier }
}

export interface Tokens {
  access_token: string
  refresh_token: string
  token_type: string
  expires_in: number
  scope: string
}

export const tokenRequest = (
  node: OAuthNode,
  form: Record<string, string | readonly string[]>,
  headers = {},
): Promise<Answer> => send(node, "/token", { form, headers })

/** Form of a code redemption by a public client. */
export const redemption = (client: TestClient, code: string, codeVerifier: string) => ({
  grant_type: "authorization_code",
  client_id: client.client_id,
  redirect_uri: client.redirect_uri,
  code,
  code_verifier: codeVerifier,
})

/** Form of a refresh by a public client. */
export const refreshing = (client: TestClient, refreshToken: string) => ({
  grant_type: "refresh_token",
  client_id: client.client_id,
  refresh_token: refreshToken,
})

/** An authorization from start to tokens. */
export async function tokensFor(
  node: OAuthNode,
  client: TestClient,
  apiToken: string,
  overrides: Record<string, string | readonly string[] | undefined> = {},
): Promise<Tokens> {
  const { code, verifier: codeVerifier } = await codeFor(node, client, apiToken, overrides)
  const answer = await tokenRequest(node, redemption(client, code, codeVerifier))
  if (answer.status !== 200) throw new Error(`no tokens: ${answer.status} ${answer.text}`)
  return answer.json()
}
