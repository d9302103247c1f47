// Tries the running Gatehouse of this machine as a client would:
//   node scripts/try.ts auth [token] | auth-flow <hostname> | mcp <hostname> | tokens <server-url> | proxy
// What is left out comes from TEST_TOKEN, TEST_DOMAIN and MCP_SERVER_URL.
import { rootCertificates } from "node:tls"
import { randomBytes } from "node:crypto"
import { fetch } from "undici"
import { authority, loadConfig, readEnvironment } from "../src/platform/config.ts"
import { leftOut } from "../src/cli/arguments.ts"
import { adminApi, type AdminApi } from "./admin-api.ts"
import { loopbackAgent } from "./mcp-client/browser.ts"
import { signedInSession } from "./mcp-client/session.ts"
import { accessToken, signIn, type SignIn } from "./mcp-client/sign-in.ts"
import { Misuse, Refusal } from "./stack/refusal.ts"
import { tryProxy } from "./try/proxy.ts"

interface Proxy {
  readonly mcp_endpoint?: string
  readonly mcp_enabled?: boolean
  readonly auth_enabled?: boolean
}

const ok = (text: string) => console.log(`ok    ${text}`)

function expectStatus(what: string, got: number, ...wanted: number[]): void {
  if (!wanted.includes(got)) throw new Refusal(`${what}: status ${got}, expected ${wanted.join(" or ")}`)
  ok(`${what}: ${got}`)
}

async function tryApiToken(base: string, token: string): Promise<void> {
  const ask = async (value?: string) => {
    const headers: Record<string, string> = value === undefined ? {} : { authorization: `Bearer ${value}` }
    return fetch(`${base}/api/v1/tokens/info`, { headers })
  }
  expectStatus("without a token", (await ask()).status, 401)
  expectStatus("with a made-up token", (await ask("acm_made-up")).status, 401)
  const answer = await ask(token)
  expectStatus("with the token", answer.status, 200)
  const { name, is_admin } = (await answer.json()) as { name: string; is_admin: boolean }
  ok(`it belongs to ${name}${is_admin ? ", an administrator" : ""}`)
}

/** The internal CA's certificate, from the chain of a certificate that it signed; public roots in any case. */
async function trusted(api: AdminApi): Promise<string[]> {
  const path = "/certificates?issuer=internal&per_page=1"
  const { body } = await api.call<{ certificates: { fullchain_pem?: string; cert_name: string }[] }>("GET", path)
  const name = body.certificates[0]?.cert_name
  if (name === undefined) return [...rootCertificates]
  const whole = await api.call<{ fullchain_pem: string | null }>("GET", `/certificates/${name}`)
  const own = whole.body.fullchain_pem?.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g)?.at(-1)
  return [...rootCertificates, ...(own === undefined ? [] : [own])]
}

/** Signs in as somebody who exists only for this. */
async function withSignIn<T>(api: AdminApi, use: (login: SignIn) => Promise<T>): Promise<T> {
  const name = `try-${randomBytes(6).toString("hex")}`
  const { body } = await api.call<{ token: string }>("POST", "/tokens", { name })
  const dispatcher = loopbackAgent(await trusted(api))
  try {
    return await use(signIn(dispatcher, body.token))
  } finally {
    await dispatcher.close()
    await api.call("DELETE", `/tokens/${name}`, undefined, [404])
  }
}

async function tryFlow(api: AdminApi, url: URL): Promise<void> {
  await withSignIn(api, async (login) => {
    const refused = await login.fetch(url.href, {})
    expectStatus(`${url.href} without a token`, refused.status, 401)
    if (!/resource_metadata="/.test(refused.headers.get("www-authenticate") ?? ""))
      throw new Refusal("the challenge names no resource_metadata")
    ok("the challenge names the resource metadata")
    const token = await accessToken(login, url)
    for (const step of login.steps) ok(step)
    const passed = await login.fetch(url.href, { headers: { authorization: `Bearer ${token}` } })
    if ([401, 403].includes(passed.status)) throw new Refusal(`with the token: status ${passed.status}`)
    ok(`with the token: ${passed.status}`)
  })
}

async function tryMcp(api: AdminApi, url: URL): Promise<void> {
  await withSignIn(api, async (login) => {
    const client = await signedInSession(url, login)
    for (const step of login.steps) ok(step)
    const version = client.getNegotiatedProtocolVersion()
    const { tools } = await client.listTools()
    await client.close()
    ok(`MCP ${version}, ${tools.length} tools: ${tools.map(({ name }) => name).join(", ")}`)
  })
}

async function printTokens(api: AdminApi, url: URL): Promise<void> {
  const token = await withSignIn(api, (login) => accessToken(login, url))
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as object
  console.log(JSON.stringify({ access_token: token, claims }, null, 2))
}

const [verb, argument = ""] = process.argv.slice(2)
try {
  if (argument === leftOut) throw new Misuse('name a host; "" stands for that of the variables')
  const env = readEnvironment()
  const config = loadConfig(env)
  const base = env["TEST_BASE_URL"]?.replace(/\/$/, "") ?? `http://127.0.0.1:${config.API_PORT}`
  if (config.ADMIN_TOKEN === undefined) throw new Refusal("this needs ADMIN_TOKEN: just generate-admin-token")
  const api = adminApi(config.API_PORT, config.ADMIN_TOKEN)
  const ownToken = config.TEST_TOKEN ?? config.ADMIN_TOKEN
  const urlOf = async (given: string) => {
    const hostname = given === "" ? config.TEST_DOMAIN : given
    if (hostname === undefined) throw new Misuse("name a host, or set TEST_DOMAIN")
    const { body } = await api.call<Proxy>("GET", `/proxy/targets/${encodeURIComponent(hostname)}`)
    const path = body.mcp_enabled === true ? (body.mcp_endpoint ?? "/mcp") : "/"
    return new URL(`https://${authority(hostname, config.publicHttpsPort)}${path}`)
  }
  const server = argument === "" ? config.MCP_SERVER_URL : undefined
  if (verb === "auth") {
    const token = argument === "" ? ownToken : argument === "ADMIN" ? config.ADMIN_TOKEN : argument
    await tryApiToken(base, token)
  } else if (verb === "auth-flow") await tryFlow(api, await urlOf(argument))
  else if (verb === "mcp") await tryMcp(api, server === undefined ? await urlOf(argument) : new URL(server))
  else if (verb === "tokens") await printTokens(api, new URL(argument))
  else if (verb === "proxy") for (const step of await tryProxy(adminApi(base, ownToken), config)) ok(step)
  else throw new Misuse("give one of auth, auth-flow, mcp, tokens, proxy")
} catch (error) {
  if (!(error instanceof Error)) throw error
  console.error(`failed: ${error.message}`)
  process.exitCode = error instanceof Refusal ? error.exitCode : 1
}
