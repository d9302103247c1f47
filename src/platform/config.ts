import { readFileSync } from "node:fs"
import { parseEnv } from "node:util"
import * as z from "zod"
import {
  anyHttpUrl,
  bytes32,
  email,
  flag,
  fraction,
  host,
  hosts,
  httpUrl,
  integer,
  isEngineAddress,
  list,
  logLevel,
  password,
  port,
  portRange,
  ranges,
  seconds,
  secret,
  text,
  whole,
} from "./config-values.ts"
import { edgeVariables } from "./edge-variables.ts"
import { variableComplaint } from "./config-complaint.ts"
import { issuersProblem, oauthVariables } from "./oauth-variables.ts"

/**
 * Every environment variable that Gatehouse reads, with its default and meaning. `describe` feeds the documentation.
 * An empty value counts as unset.
 */
export const variables = {
  REDIS_PASSWORD: password.optional().describe("Password of the own Redis; at least 16 characters.").meta(secret),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: "must be a URL such as redis://:password@host:6379/0" })
    .optional()
    .describe("An external Redis, redis://:password@host:port/db. When set, no own Redis is started.")
    .meta(secret),
  MASTER_KEY: bytes32.describe("Wraps every vault entry; never stored in Redis. 32 bytes, base64.").meta(secret),
  GATEHOUSE_HOME: text(".gatehouse").describe("Folder for data, sockets and pid files of this copy."),
  ARCHIVE_DIR: z
    .string()
    .optional()
    .describe("Folder of the archived part of the log, the same for all nodes; default GATEHOUSE_HOME/archive."),
  ARCHIVE_KEEP: integer(10)
    .optional()
    .describe(
      "Events that stay in Redis: older ones are archived by themselves, in segments as long as that, of 10,000 at most. Default: only when asked to.",
    ),
  CHECKPOINT_KEY: bytes32
    .optional()
    .describe("Seed of the Ed25519 key that signs checkpoints of the log; default: derived from MASTER_KEY.")
    .meta(secret),
  CHECKPOINT_TRUSTED_KEYS: list("")
    .refine(
      (keys) => keys.every((key) => Buffer.from(key, "base64url").length === 32),
      "must be 32 bytes each, in base64url",
    )
    .describe("Public keys of earlier checkpoint keys, base64url."),
  CHECKPOINT_EVERY: whole(1000, 1).describe("Events after which the log is signed."),
  CHECKPOINT_INTERVAL: seconds(3600, 1).describe("Seconds after which a log with new events is signed."),
  ERASURE_DELAY: seconds(60, 1).describe(
    "Seconds until the append-only file is rewritten without the secrets that were deleted meanwhile.",
  ),
  HTTP_PORT: port(80).describe("Public HTTP port."),
  HTTPS_PORT: port(443).describe("Public HTTPS port."),
  PUBLIC_HTTPS_PORT: integer(1, 65_535)
    .optional()
    .describe("HTTPS port that clients see, where it differs from HTTPS_PORT; part of issuer and resource URLs."),
  SERVER_HOST: text("0.0.0.0").describe("Address the public listeners bind to."),
  API_PORT: port(9000).describe("Port of the admin API on 127.0.0.1."),
  REDIS_PORT: port(6390).describe("Port of the own Redis on 127.0.0.1."),
  LOG_LEVEL: logLevel.describe("DEBUG, INFO, WARNING, ERROR or CRITICAL."),
  BASE_URL: anyHttpUrl.optional().describe("Where the command line finds the API; default http://127.0.0.1:API_PORT."),
  BASE_DOMAIN: host.default("localhost").describe("Services get names below it; the OAuth host is auth.BASE_DOMAIN."),
  ADMIN_TOKEN: password.optional().describe("The administrator's API token.").meta(secret),
  ADMIN_EMAIL: email.optional().describe("Default account e-mail for ACME."),
  ADMIN_HOSTS: hosts("localhost").describe("Host names on which the edge also serves the admin API."),
  ADMIN_SOURCES: ranges("127.0.0.0/8,::1/128").describe(
    "Client addresses that may reach the admin API through the edge.",
  ),
  TRUSTED_PROXIES: ranges("").describe("CIDRs whose X-Forwarded-For is believed."),
  TARGET_ALLOW_CIDRS: ranges("").describe("Private ranges that owners may use as targets."),
  ALLOW_WEAK_DURABILITY: flag(false).describe("Accept writes although Redis may lose acknowledged ones."),
  SELF_SIGNED_CN: text("localhost").describe("Common name of the default certificate."),
  SELF_SIGNED_DAYS: whole(365, 1).describe("Validity of the default certificate, days."),
  ACME_DIRECTORY_URL: httpUrl("https://acme-v02.api.letsencrypt.org/directory").describe("Production ACME directory."),
  ACME_STAGING_URL: httpUrl("https://acme-staging-v02.api.letsencrypt.org/directory").describe(
    "Staging ACME directory.",
  ),
  ACME_HTTP_TIMEOUT: seconds(30, 1).describe("Deadline of one call to the CA, seconds."),
  ACME_POLL_MAX_ATTEMPTS: whole(60, 1).describe("Polls of an order or authorization before the attempt fails."),
  ACME_POLL_INTERVAL_SECONDS: fraction(2, 0.05).describe("Seconds between two polls."),
  ACME_POLL_INITIAL_WAIT: fraction(0, 0).describe("Seconds before the first poll."),
  RENEWAL_CHECK_INTERVAL: whole(86_400, 1).describe("Seconds between two renewal scans."),
  RENEWAL_THRESHOLD_DAYS: whole(30, 1).describe("Remaining days at which a renewal is due."),
  CERT_STATUS_RETENTION_SECONDS: whole(300, 1).describe("How long a finished generation's status is kept, seconds."),
  CERT_GEN_MAX_WORKERS: whole(5, 1).describe("Certificates that are ordered at the same time."),
  RSA_KEY_SIZE: whole(2048, 2048).describe("Bits of an RSA certificate key."),
  ...edgeVariables,
  AUTH_STREAM_RECHECK: seconds(30, 1).describe("Seconds between checks of an open stream's token."),
  EVENT_STREAMS_PER_TOKEN: whole(20, 1).describe(
    "Streams that one API token may hold open on a node: of events, of the access log, of a service's log.",
  ),
  EVENT_STREAM_STALL: seconds(30, 1).describe("Seconds a subscriber may leave events unread before it is cut."),
  WEBHOOK_TIMEOUT: seconds(10, 1).describe("Seconds that one attempt at a webhook may take."),
  API_MAX_BODY_BYTES: whole(1_048_576, 1024).describe("Bytes of an API request body."),
  LEASE_TTL: seconds(6, 1).describe("Seconds after which another node takes over the work of one that vanished."),
  SHUTDOWN_GRACE: seconds(30, 0).describe("Seconds that open requests get at shutdown."),
  ...oauthVariables,
  DOCKER_HOST: text("unix:///var/run/docker.sock")
    .refine(isEngineAddress, "must be unix:///path or tcp://host:port")
    .describe("Docker engine; without one services are unavailable, and all else works."),
  DOCKER_API_VERSION: z
    .string()
    .regex(/^\d+\.\d+$/, "must be a version such as 1.41")
    .default("1.41")
    .describe("Version of the engine's API that is spoken."),
  DOCKER_TIMEOUT: seconds(30, 1).describe("Deadline of one call to the engine, seconds."),
  DOCKER_GID: whole(999).describe("Group that may use the engine's socket; compose.yaml gives it to the container."),
  SERVICE_PORT_RANGE: z
    .string()
    .refine((value) => portRange(value) !== undefined, "must be two ports from 1024 to 65535, such as 11000-20000")
    .default("11000-20000")
    .describe("Ports of this machine that services get."),
  SERVICE_ALLOWED_IMAGES: list("").describe(
    "Images that owners may run: name, name:tag, or name/*; without any only an administrator creates services.",
  ),
  SERVICE_NETWORKS: list("proxy_network")
    .refine(
      (names) => names.length > 0 && !names.some((name) => /^(host|none|container:.*)$/.test(name)),
      "must name networks of containers",
    )
    .describe("Docker networks that services may join; the first is the default and is created when it is missing."),
  SERVICE_BUILD_DIR: text("dockerfiles").describe("Folder of the Dockerfiles that services may be built from."),
  CRASH_AT: z.string().optional().describe("Tests only: end the process at this named point."),
  OAUTH_JWT_SECRET: z
    .string()
    .optional()
    .describe("Not used: a private key signs access tokens. A start that has it warns.")
    .meta(secret),
  EXPORT_PASSPHRASE: z
    .string()
    .optional()
    .describe("Passphrase for secrets in a document of `just export` and `just apply`; read by these alone.")
    .meta(secret),
  MCP_SERVER_URL: anyHttpUrl.optional().describe('MCP server that `test-proxy-mcp ""` tries.'),
  TEST_BASE_URL: httpUrl("http://localhost:80").describe(
    "Where `test-auth` and `test-proxy-live` find the API; unless set, 127.0.0.1:API_PORT.",
  ),
  TEST_DOMAIN: z.string().optional().describe('Host name for `test-auth-flow ""` and `test-proxy-mcp ""`.'),
  TEST_DOMAIN_BASE: z
    .string()
    .optional()
    .describe("Domain below which `test-proxy-live` takes a name; BASE_DOMAIN unless set."),
  TEST_EMAIL: email.optional().describe("Account e-mail for its certificate, by the staging CA; unset = no HTTPS."),
  TEST_PROXY_TARGET_URL: httpUrl("https://example.com").describe("Target of its proxy."),
  TEST_TOKEN: z
    .string()
    .optional()
    .describe("API token of `test-auth` and `test-proxy-live`; ADMIN_TOKEN unless set.")
    .meta(secret),
  NODE_ENV: text("production").describe("test allows CRASH_AT."),
} as const

const schema = z.object(variables)

/** The effective configuration: one frozen object keyed by variable name, plus what follows from it. */
export type Config = Readonly<z.infer<typeof schema>> & {
  /** HTTPS port in public URLs. */
  readonly publicHttpsPort: number
  /** Authority of the built-in OAuth host, for example `auth.localhost:8443`; no port when it is 443. */
  readonly oauthAuthority: string
  /** Ports that services get, first and last. */
  readonly servicePorts: { readonly first: number; readonly last: number }
  /** URL of Redis with credentials. Never printed. */
  readonly redisUrl: string
}

/** A start that cannot go on because of its configuration. The message names each variable and why; never a secret. */
export class ConfigError extends Error {
  override name = "ConfigError"
}

/**
 * Variables of this process over those of the `.env` file (GATEHOUSE_ENV_FILE, default `.env`): the environment wins.
 * @returns name → value, empty values left out
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return set({ ...readEnvFile(envFile(env)), ...env })
}

/**
 * Variables that the `.env` file sets and the environment leaves to it.
 * @returns path of the file, and the names
 */
export function readEnvFileNames(env: NodeJS.ProcessEnv = process.env): { file: string; names: ReadonlySet<string> } {
  const file = envFile(env)
  const names = Object.keys(set(readEnvFile(file))).filter((name) => env[name] === undefined)
  return { file, names: new Set(names) }
}

const envFile = (env: NodeJS.ProcessEnv) => env["GATEHOUSE_ENV_FILE"] ?? ".env"

function set(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ""),
  )
}

function readEnvFile(file: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(file, "utf8"))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {}
    throw new ConfigError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

/**
 * Parses and freezes the configuration.
 * @throws ConfigError naming every wrong variable and the reason
 */
export function loadConfig(env: Record<string, string>): Config {
  const parsed = schema.safeParse(env)
  if (!parsed.success) {
    const reasons = parsed.error.issues.map((issue) => `  ${variableComplaint(issue, env, isSecret)}`)
    throw new ConfigError(`the configuration is not usable:\n${reasons.join("\n")}`)
  }
  const values = parsed.data
  if (values.REDIS_URL === undefined && values.REDIS_PASSWORD === undefined)
    throw new ConfigError("  REDIS_PASSWORD: is required unless REDIS_URL is set")
  if (values.REDIS_URL !== undefined && new URL(values.REDIS_URL).password === "")
    throw new ConfigError("  REDIS_URL: must carry a password; Gatehouse does not use an open Redis")
  if (values.CRASH_AT !== undefined && values.NODE_ENV !== "test")
    throw new ConfigError("  CRASH_AT: is for tests only (NODE_ENV=test)")
  const issuers = issuersProblem(values)
  if (issuers !== undefined) throw new ConfigError(`  OAUTH_TRUSTED_ISSUERS: ${issuers}`)
  if (
    values.OIDC_ISSUER !== undefined &&
    (values.OIDC_CLIENT_ID === undefined || values.OIDC_CLIENT_SECRET === undefined)
  )
    throw new ConfigError("  OIDC_CLIENT_ID, OIDC_CLIENT_SECRET: are required with OIDC_ISSUER")
  const publicHttpsPort = values.PUBLIC_HTTPS_PORT ?? values.HTTPS_PORT
  return Object.freeze({
    ...values,
    publicHttpsPort,
    servicePorts: portRange(values.SERVICE_PORT_RANGE)!,
    oauthAuthority: authority(`auth.${values.BASE_DOMAIN}`, publicHttpsPort),
    redisUrl:
      values.REDIS_URL ?? `redis://:${encodeURIComponent(values.REDIS_PASSWORD!)}@127.0.0.1:${values.REDIS_PORT}/0`,
  })
}

/** Is the value of this variable never shown? */
export function isSecret(name: string): boolean {
  return variables[name as keyof typeof variables]?.meta()?.["secret"] === true
}

/** Host with its port where that is not the default of https. */
export function authority(hostname: string, httpsPort: number): string {
  return httpsPort === 443 ? hostname : `${hostname}:${httpsPort}`
}

/** What an administrator should hear of although the start goes on: variable and reason. */
export function configWarnings(config: Config): readonly { readonly variable: string; readonly reason: string }[] {
  const warnings = []
  if (config.OAUTH_JWT_SECRET !== undefined)
    warnings.push({
      variable: "OAUTH_JWT_SECRET",
      reason: `ignored; ${config.OAUTH_JWT_ALGORITHM} signs access tokens`,
    })
  if (config.FETCHER_NAVIGATION_TIMEOUT >= config.PROXY_CONNECT_TIMEOUT)
    warnings.push({ variable: "FETCHER_NAVIGATION_TIMEOUT", reason: "should be below PROXY_CONNECT_TIMEOUT" })
  if (config.PROXY_CONNECT_TIMEOUT >= config.PROXY_REQUEST_TIMEOUT)
    warnings.push({ variable: "PROXY_CONNECT_TIMEOUT", reason: "should be below PROXY_REQUEST_TIMEOUT" })
  return warnings
}
