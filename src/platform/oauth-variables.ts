import * as z from "zod"
import { flag, httpUrl, list, password, secret, text, whole } from "./config-values.ts"

/** The variables about sign-in and OAuth. */
export const oauthVariables = {
  GITHUB_CLIENT_ID: z.string().optional().describe("OAuth application for login by GitHub."),
  GITHUB_CLIENT_SECRET: z.string().optional().describe("Its secret.").meta(secret),
  GITHUB_BASE_URL: httpUrl("https://github.com").describe("GitHub, or GitHub Enterprise."),
  GITHUB_API_URL: httpUrl("https://api.github.com").describe("API of the same."),
  OAUTH_ALLOWED_GITHUB_USERS: z
    .string()
    .optional()
    .describe("GitHub logins that may sign in, comma separated; * = all; unset = nobody."),
  OIDC_ISSUER: z
    .url({ protocol: /^https?$/, error: "must be a URL such as https://login.example.com" })
    .refine(
      (value) => value.startsWith("https://") || /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(`${value}/`),
      "must be an https URL",
    )
    .optional()
    .describe("OpenID provider for login, found by discovery; exactly as its documents say."),
  OIDC_CLIENT_ID: z
    .string()
    .optional()
    .describe("Client that is registered there for https://auth.BASE_DOMAIN/callback."),
  OIDC_CLIENT_SECRET: z.string().optional().describe("Its secret.").meta(secret),
  OIDC_NAME: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "must be small letters, digits and hyphens")
    .default("oidc")
    .describe("Name of that provider; part of its users' subjects, oidc-<name>-<sub>, so do not change it."),
  OIDC_SCOPES: text("openid profile email").describe("Scopes that are asked of it."),
  OIDC_GROUPS_CLAIM: text("groups").describe("Claim with the groups of a user."),
  OIDC_ALLOWED_USERS: list("").describe(
    "Who of its users may sign in, comma separated: sub values, verified e-mail addresses, *@domain, *.domain, group:name; * = all; unset = nobody.",
  ),
  OAUTH_LOCAL_LOGIN: flag(false).describe(
    "Offer sign-in with an API token besides other providers; without one it is always on.",
  ),
  OAUTH_ACCESS_TOKEN_LIFETIME: whole(1800, 1).describe("Seconds."),
  OAUTH_REFRESH_TOKEN_LIFETIME: whole(31_536_000, 1).describe("Seconds without use."),
  OAUTH_SESSION_TIMEOUT: whole(300, 10).describe("Seconds a login may take."),
  OAUTH_CLIENT_LIFETIME: whole(7_776_000, 60).describe("Seconds a client registration lives without use."),
  OAUTH_REGISTRATION: flag(true).describe("Let applications register themselves (RFC 7591)."),
  OAUTH_INITIAL_ACCESS_TOKEN: password
    .optional()
    .describe("Bearer token that a registration must carry; unset = none.")
    .meta(secret),
  OAUTH_MAX_CLIENTS: whole(100_000, 1).describe("Registered applications at once."),
  OAUTH_TRUSTED_ISSUERS: list("")
    .transform((entries, context) =>
      entries.map((entry) => {
        const [, name, issuer] = /^([a-z0-9][a-z0-9-]{0,31})=(https?:\/\/\S+)$/.exec(entry) ?? []
        const secure =
          issuer !== undefined && (issuer.startsWith("https://") || /^http:\/\/127\.0\.0\.1[:/]/.test(issuer))
        if (name === undefined || issuer === undefined || !secure)
          context.addIssue({ code: "custom", message: "must be a list of name=https://issuer" })
        return { name: name ?? "", issuer: issuer ?? "" }
      }),
    )
    .describe(
      "Issuers whose assertions about people are taken for tokens (RFC 7523, ID-JAG), name=URL, comma separated; their people are oidc-<name>-<sub>.",
    ),
  OAUTH_CIMD_ALLOWED_HOSTS: list("").describe(
    "Hosts whose client metadata documents are taken; empty = all public ones.",
  ),
  OAUTH_CIMD_DENIED_HOSTS: list("").describe("Hosts whose client metadata documents are refused."),
  OAUTH_DPOP_NONCE_REQUIRED: flag(false).describe(
    "Proofs of possession (DPoP) must carry a nonce of ours, which is good for two minutes (RFC 9449 §8, §9).",
  ),
  OAUTH_MCP_PROTOCOL_VERSION: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, "must be a revision such as 2025-06-18")
    .default("2025-06-18")
    .describe("MCP revision that `mcp-doctor` opens with. No filter: every revision passes the gateway."),
  OAUTH_JWT_ALGORITHM: z
    .enum(["RS256", "ES256", "EdDSA"], "must be RS256, ES256 or EdDSA")
    .default("RS256")
    .describe("Signature algorithm of access tokens."),
  OAUTH_JWT_PRIVATE_KEY_B64: z
    .string()
    .optional()
    .describe("First signing key, PEM in base64; otherwise one is made and kept in the vault.")
    .meta(secret),
  MCP_RESOURCE_INDICATORS_ENABLED: flag(true).describe("Refuse unknown resources (false: ignore them)."),
  MCP_RESOURCE_VALIDATION_STRICT: flag(true).describe("Audience must be this resource (false: or a path above it)."),
  MCP_MAX_RESOURCES_PER_TOKEN: whole(5, 1).describe("Resources one token may name."),
} as const

type Issuers = Pick<z.infer<z.ZodObject<typeof oauthVariables>>, "OAUTH_TRUSTED_ISSUERS" | "OIDC_ISSUER" | "OIDC_NAME">

/** What is wrong with the issuers, for two under one name would make two people one; undefined when nothing is. */
export function issuersProblem({
  OAUTH_TRUSTED_ISSUERS: trusted,
  OIDC_ISSUER,
  OIDC_NAME,
}: Issuers): string | undefined {
  const own = OIDC_ISSUER === undefined ? [] : [{ name: OIDC_NAME, issuer: OIDC_ISSUER }]
  const distinct = new Map([...own, ...trusted].map(({ name, issuer }) => [`${name} ${issuer}`, name]))
  const names = [...distinct.values()]
  const named = new Set(names).size === distinct.size
  // oidc-a-b-c is c of a-b, and b-c of a: the issuer with the shorter name could name people of the other.
  if (names.some((name) => names.some((other) => other.startsWith(`${name}-`))))
    return "no name may begin with another one and a hyphen"
  if (named && new Set(trusted.map(({ issuer }) => issuer)).size === trusted.length) return undefined
  return "every issuer needs one name, and OIDC_NAME is that of OIDC_ISSUER"
}
