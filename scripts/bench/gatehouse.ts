import { type Bench, type Subject, eventually, launch, ready } from "./subject.ts"
import { type SigningKey, accessTokensLike } from "./access-tokens.ts"
import type { SubjectId } from "./options.ts"
import { authorize } from "./authorization.ts"
import { fileURLToPath } from "node:url"
import { freePort } from "../../tests/support/ports.ts"
import { join } from "node:path"
import { path } from "./peers.ts"
import { randomBytes } from "node:crypto"
import { redisServer } from "../../tests/support/redis-server.ts"
import { writeFileSync } from "node:fs"

/** Gatehouse as it runs in production, with a proxy that is protected and one that is open. */
export interface Gatehouse {
  readonly subjects: readonly Subject[]
  /** File with one access token per line. */
  readonly tokens: string
  readonly issuer: string
  readonly audience: string
}

const guarded = "mcp.localhost"
const open = "open.localhost"
const oauthHost = "auth.localhost"

/** Distinct access tokens of a run. */
const tokenCount = 1000

/**
 * Starts Redis on the load's core and Gatehouse on the proxy's, creates both proxies through the API, and signs in once.
 * @param profile folder for a CPU profile
 */
export async function startGatehouse(bench: Bench, key: SigningKey, profile?: string): Promise<Gatehouse> {
  const redis = await redisServer()
  bench.running.defer(() => redis.stop())
  const ports = { http: await freePort(), https: await freePort(), api: await freePort() }
  const adminToken = randomBytes(24).toString("base64url")
  const env = {
    GATEHOUSE_ENV_FILE: "/dev/null",
    GATEHOUSE_HOME: join(bench.dir, "gatehouse"),
    REDIS_URL: redis.url,
    MASTER_KEY: randomBytes(32).toString("base64"),
    ADMIN_TOKEN: adminToken,
    SERVER_HOST: "127.0.0.1",
    HTTP_PORT: String(ports.http),
    HTTPS_PORT: String(ports.https),
    API_PORT: String(ports.api),
    OAUTH_JWT_PRIVATE_KEY_B64: key.environment,
    // No token may expire before the last round.
    OAUTH_ACCESS_TOKEN_LIFETIME: "86400",
  }
  const flags = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`]
  const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
  const programs = [launch(bench, "gatehouse", bench.proxyCore, [process.execPath, ...flags, main], env)]

  const post = async (under: string, body: unknown) => {
    const url = `http://127.0.0.1:${ports.api}/api/v1/proxy/targets${under}`
    const headers = { Authorization: `Bearer ${adminToken}`, "Content-Type": "application/json" }
    const answer = await fetch(url, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    })
    if (!answer.ok) throw new Error(`POST ${under} answered ${answer.status}: ${await answer.text()}`)
  }
  await eventually("the API of Gatehouse", programs, async () => {
    const { ok, status } = await fetch(`http://127.0.0.1:${ports.api}/health`, { signal: AbortSignal.timeout(2000) })
    if (!ok) throw new Error(`health answered ${status}`)
  })
  for (const hostname of [guarded, open])
    await post("", { hostname, target_url: `http://127.0.0.1:${bench.backendPort}` })
  await post(`/${guarded}/auth`, { auth_proxy: oauthHost })
  await post(`/${guarded}/mcp`, {})

  const audience = `https://${guarded}:${ports.https}${path}`
  await ready({ endpoint: { hostname: open, port: ports.https, path }, programs })
  const first = await eventually("the authorization server", programs, () =>
    authorize({ oauthHost, port: ports.https, resource: audience, apiToken: adminToken }),
  )
  const tokens = join(bench.dir, "tokens")
  writeFileSync(tokens, (await accessTokensLike(first, key, tokenCount)).map((token) => `${token}\n`).join(""), {
    mode: 0o600,
  })
  const beside = async () => cpuOf(await redis.command("INFO cpu"))
  const subject = (id: SubjectId, title: string, hostname: string): Subject => ({
    ...{ id, title, programs, beside },
    endpoint: { hostname, port: ports.https, path, ...(hostname === guarded && { tokens }) },
  })
  const subjects = [
    subject("gatehouse", "Gatehouse, everything on", guarded),
    subject("gatehouse-open", "Gatehouse, proxy without auth", open),
  ]
  return { subjects, tokens, audience, issuer: `https://${oauthHost}:${ports.https}` }
}

/** CPU microseconds since Redis started, from INFO. */
function cpuOf(info: string): number {
  const seconds = [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, value]) => Number(value))
  return seconds.reduce((sum, value) => sum + value, 0) * 1e6
}
