import { type Issuer, authorizationRequest, browserOf, redirectUri } from "./issuer.ts"
import { type Bench, eventually, launch } from "../bench/subject.ts"
import { fileURLToPath } from "node:url"
import { freePort } from "../../tests/support/ports.ts"
import { join } from "node:path"
import { randomBytes } from "node:crypto"
import { adminApi } from "../admin-api.ts"

/** Starts Gatehouse as in production, with one protected MCP host, and signs its person in at these many clients. */
export async function startGatehouse(
  bench: Omit<Bench, "backendPort">,
  redisUrl: string,
  clients: number,
): Promise<Issuer> {
  const [http, https, api] = [await freePort(), await freePort(), await freePort()]
  const adminToken = randomBytes(24).toString("base64url")
  const env = {
    GATEHOUSE_ENV_FILE: "/dev/null",
    GATEHOUSE_HOME: join(bench.dir, "gatehouse"),
    REDIS_URL: redisUrl,
    MASTER_KEY: randomBytes(32).toString("base64"),
    ADMIN_TOKEN: adminToken,
    SERVER_HOST: "127.0.0.1",
    HTTP_PORT: String(http),
    HTTPS_PORT: String(https),
    API_PORT: String(api),
  }
  const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
  const programs = [launch(bench, "gatehouse", bench.proxyCore, [process.execPath, main], env)]
  await eventually("Gatehouse", programs, async () => {
    const { ok, status } = await fetch(`http://127.0.0.1:${api}/health`)
    if (!ok) throw new Error(`health answered ${status}`)
  })
  const admin = adminApi(api, adminToken)
  await admin.call("POST", "/proxy/targets", { hostname: "mcp.localhost", target_url: "http://127.0.0.1:9" })
  await admin.call("POST", "/proxy/targets/mcp.localhost/auth", { auth_proxy: "auth.localhost" })
  await admin.call("POST", "/proxy/targets/mcp.localhost/mcp", {})
  const { body } = await admin.call<{ token: string }>("POST", "/tokens", { name: "bench" })
  const issuer = {
    id: "gatehouse" as const,
    title: "Gatehouse",
    origin: `https://auth.localhost:${https}`,
    programs,
    paths: { authorize: "/authorize", token: "/token" },
    resource: `https://mcp.localhost:${https}/mcp`,
    scope: "mcp:read mcp:write",
    cookies: new Map<string, string>(),
  }
  await eventually("the authorization server", programs, async () => {
    const probe = browserOf(issuer, "127.0.0.1", 1)
    const { status } = await probe.get("/.well-known/oauth-authorization-server")
    await probe.close()
    if (status !== 200) throw new Error(`metadata answered ${status}`)
  })
  const ids: string[] = []
  const browser = browserOf(issuer, "127.0.0.1", 1)
  for (let count = 0; count < clients; count += 1) ids.push(await allowedClient(issuer, browser, body.token))
  await browser.close()
  return { ...issuer, clients: ids }
}

/** Registers a client and allows it; the first time the person signs in as well. */
async function allowedClient(
  issuer: Omit<Issuer, "clients">,
  browser: ReturnType<typeof browserOf>,
  apiToken: string,
): Promise<string> {
  const metadata = {
    client_name: "bench",
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: "none",
  }
  const registered = await browser.post("/register", JSON.stringify(metadata))
  const { client_id } = JSON.parse(registered.text) as { client_id: string }
  const consent = await browser.get(`/authorize?${authorizationRequest(issuer, client_id).query}`)
  const allowed = await browser.post("/consent", { ...hidden(consent.text), decision: "allow" })
  const login = new URL(allowed.location ?? "none:")
  if (login.pathname !== "/login") return client_id
  const page = await browser.get(login.pathname + login.search)
  const done = await browser.post("/login", { ...hidden(page.text), token: apiToken })
  if (done.status !== 303) throw new Error(`the sign-in ended with ${done.status}: ${done.text.slice(0, 500)}`)
  return client_id
}

const hidden = (page: string) =>
  Object.fromEntries(
    [...page.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
  )
