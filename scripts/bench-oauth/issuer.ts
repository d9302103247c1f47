import { type Answer, type Connection, connection } from "./connection.ts"
import { createHash, randomBytes } from "node:crypto"
import type { Program } from "../bench/program.ts"

/** An authorization server that is measured. */
export interface Issuer {
  readonly id: "gatehouse" | "oidc-provider"
  readonly title: string
  readonly origin: string
  readonly programs: readonly Program[]
  readonly paths: { readonly authorize: string; readonly token: string }
  readonly resource: string
  readonly scope: string
  /** Ids of public clients that the signed-in person has allowed already. */
  readonly clients: readonly string[]
  /** Of the person's browser. */
  readonly cookies: Map<string, string>
}

/** Form of a token request. */
export type TokenRequest = Readonly<Record<string, string>>

export const redirectUri = "https://client.example/callback"

/** Parameters of an authorization request with PKCE, and the verifier. */
export function authorizationRequest(issuer: Pick<Issuer, "resource" | "scope">, client: string) {
  const verifier = randomBytes(32).toString("base64url")
  const challenge = createHash("sha256").update(verifier).digest("base64url")
  const query = new URLSearchParams({
    response_type: "code",
    client_id: client,
    redirect_uri: redirectUri,
    resource: issuer.resource,
    scope: issuer.scope,
    state: "bench",
    code_challenge: challenge,
    code_challenge_method: "S256",
  })
  return { query: query.toString(), verifier }
}

/** One authorization of a signed-in person who is not asked again. @throws Error when no code comes */
export async function redemption(issuer: Issuer, from: Connection, client: string): Promise<TokenRequest> {
  const { query, verifier } = authorizationRequest(issuer, client)
  const answer = await follow(from, `${issuer.paths.authorize}?${query}`)
  const code = answer.location === undefined ? null : new URL(answer.location).searchParams.get("code")
  if (code === null)
    throw new Error(`${issuer.id} gave no code: ${answer.status} ${answer.location ?? answer.text.slice(0, 500)}`)
  return {
    grant_type: "authorization_code",
    client_id: client,
    redirect_uri: redirectUri,
    code,
    code_verifier: verifier,
    resource: issuer.resource,
  }
}

/** Follows redirects within the server. */
export async function follow(from: Connection, path: string): Promise<Answer> {
  const answer = await from.get(path)
  if (answer.location === undefined || answer.location.startsWith(redirectUri)) return answer
  return follow(from, answer.location)
}

/** Browser of an issuer's person. @param address loopback address that it comes from */
export const browserOf = (
  { origin, cookies }: Pick<Issuer, "origin" | "cookies">,
  address: string,
  connections: number,
) => connection(origin, address, connections, cookies)
