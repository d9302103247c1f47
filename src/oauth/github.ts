import * as z from "zod"
import type { Config } from "../platform/config.ts"
import { type ProviderAnswer, ProviderError, callProvider, providerJson } from "./provider-call.ts"

/** Somebody at GitHub. */
export interface GithubAccount {
  /** Never recycled, unlike the login. */
  readonly id: number
  readonly login: string
  readonly name: string | null
  /** Primary and verified address; null where there is none. */
  readonly email: string | null
  /** `org`, `org/team`, as far as they were asked for. */
  readonly groups: readonly string[]
}

/** What to ask beyond the profile. */
export interface GroupWish {
  readonly organisations: boolean
  readonly teams: boolean
}

type Settings = Pick<Config, "GITHUB_CLIENT_ID" | "GITHUB_CLIENT_SECRET" | "GITHUB_BASE_URL" | "GITHUB_API_URL">

/** Is sign-in with GitHub configured? */
export function githubOn(config: Pick<Config, "GITHUB_CLIENT_ID" | "GITHUB_CLIENT_SECRET">): boolean {
  return config.GITHUB_CLIENT_ID !== undefined && config.GITHUB_CLIENT_SECRET !== undefined
}

/** GitHub's side of a login, as its web application flow has it. */
export interface Github {
  authorizationUrl(
    state: string,
    challenge: string,
    redirectUri: string,
    wish: GroupWish,
    loginHint: string | null,
  ): string
  /** Redeems the code and reads who it is. The token is dropped with the end of this call. @throws ProviderError */
  account(code: string, verifier: string, redirectUri: string, wish: GroupWish): Promise<GithubAccount>
}

const TokenAnswer = z.object({ access_token: z.string().min(1).optional(), error: z.string().optional() })
const UserAnswer = z.object({
  id: z.int().positive(),
  login: z.string().min(1).max(255),
  name: z.string().max(255).nullish(),
})
const EmailsAnswer = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }))
const OrganisationsAnswer = z.array(z.object({ login: z.string() }))
const TeamsAnswer = z.array(z.object({ slug: z.string(), organization: z.object({ login: z.string() }) }))

const pageSize = 100
const mostPages = 20

/** GitHub, or GitHub Enterprise, under a configured application. */
export function github(settings: Settings, call: typeof fetch): Github {
  const base = settings.GITHUB_BASE_URL.replace(/\/+$/, "")
  const api = settings.GITHUB_API_URL.replace(/\/+$/, "")
  const id = settings.GITHUB_CLIENT_ID ?? ""

  async function redeem(code: string, verifier: string, redirectUri: string): Promise<string> {
    const form = {
      client_id: id,
      client_secret: settings.GITHUB_CLIENT_SECRET ?? "",
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    }
    const answer = await request(call, `${base}/login/oauth/access_token`, {
      method: "POST",
      body: new URLSearchParams(form),
    })
    // GitHub answers most refusals with status 200 and an `error` member.
    const { access_token, error } = TokenAnswer.safeParse(answer).data ?? {}
    if (access_token !== undefined && error === undefined) return access_token
    throw new ProviderError("github_code_refused", error === undefined ? "no access token" : "the code was refused")
  }

  async function read<T>(path: string, token: string, schema: z.ZodType<T>): Promise<T> {
    const headers = { authorization: `Bearer ${token}`, "x-github-api-version": "2022-11-28" }
    const parsed = schema.safeParse(await request(call, `${api}${path}`, { headers }))
    if (parsed.success) return parsed.data
    throw new ProviderError("github_malformed", `${path} has an unexpected shape`)
  }

  /** Every entry of a list, as far as anybody has so many. */
  async function readAll<T>(path: string, token: string, schema: z.ZodType<readonly T[]>): Promise<T[]> {
    const found: T[] = []
    for (let page = 1; page <= mostPages; page += 1) {
      const entries = await read(`${path}?per_page=${pageSize}&page=${page}`, token, schema)
      found.push(...entries)
      if (entries.length < pageSize) break
    }
    return found
  }

  return {
    authorizationUrl(state, challenge, redirectUri, wish, loginHint) {
      const query = new URLSearchParams({
        client_id: id,
        redirect_uri: redirectUri,
        scope: wish.organisations || wish.teams ? "read:user user:email read:org" : "read:user user:email",
        state,
        code_challenge: challenge,
        code_challenge_method: "S256",
        ...(loginHint !== null && { login: loginHint }),
      })
      return `${base}/login/oauth/authorize?${query.toString()}`
    },
    async account(code, verifier, redirectUri, wish) {
      const token = await redeem(code, verifier, redirectUri)
      const user = await read("/user", token, UserAnswer)
      const emails = await readAll("/user/emails", token, EmailsAnswer)
      const organisations = wish.organisations ? await readAll("/user/orgs", token, OrganisationsAnswer) : []
      const teams = wish.teams ? await readAll("/user/teams", token, TeamsAnswer) : []
      return {
        id: user.id,
        login: user.login,
        name: user.name ?? null,
        email: emails.find(({ primary, verified }) => primary && verified)?.email ?? null,
        groups: [
          ...organisations.map(({ login }) => login),
          ...teams.map(({ slug, organization }) => `${organization.login}/${slug}`),
        ],
      }
    },
  }
}

/** One call: JSON or form-encoded answer as an object; every status but 200 is a failure. @throws ProviderError */
async function request(call: typeof fetch, url: string, init: RequestInit): Promise<unknown> {
  const answer = await callProvider(call, "github", url, init)
  if (answer.status !== 200) throw new ProviderError(faultOf(answer), `status ${answer.status}`)
  if ((answer.headers.get("content-type") ?? "").includes("x-www-form-urlencoded"))
    return Object.fromEntries(new URLSearchParams(answer.text))
  return providerJson("github", answer.text)
}

function faultOf({ status, headers }: ProviderAnswer): string {
  if (status === 401) return "github_unauthorized"
  if (status === 429 || (status === 403 && headers.get("x-ratelimit-remaining") === "0")) return "github_rate_limited"
  // Also what single sign-on of an organisation answers.
  if (status === 403) return "github_forbidden"
  return "github_unavailable"
}
