import { type Issuer, authorizationRequest, browserOf, follow, redemption } from "./issuer.ts"
import { type Bench, eventually, launch } from "../bench/subject.ts"
import { fileURLToPath } from "node:url"
import { freePort } from "../../tests/support/ports.ts"

/** Starts oidc-provider with these many clients, and signs its person in. */
export async function startProvider(
  bench: Omit<Bench, "backendPort">,
  redisUrl: string,
  clients: number,
): Promise<Issuer> {
  const port = await freePort()
  const ids = Array.from({ length: clients }, (_, index) => `client-${index}`)
  const issuer: Issuer = {
    id: "oidc-provider",
    title: "oidc-provider",
    origin: `https://auth.localhost:${port}`,
    programs: [],
    paths: { authorize: "/auth", token: "/token" },
    resource: "https://mcp.localhost/mcp",
    scope: "mcp:read mcp:write",
    clients: ids,
    cookies: new Map(),
  }
  const server = fileURLToPath(new URL("provider-server.ts", import.meta.url))
  const args = [String(port), bench.cert, bench.key, ids.join(","), issuer.resource, issuer.scope]
  const command = [process.execPath, server, ...args] as [string, ...string[]]
  const programs = [launch(bench, "oidc-provider", bench.proxyCore, command, { BENCH_REDIS_URL: redisUrl })]
  const browser = browserOf(issuer, "127.0.0.1", 1)
  await eventually("oidc-provider", programs, async () => {
    const { status } = await browser.get("/.well-known/openid-configuration")
    if (status !== 200) throw new Error(`metadata answered ${status}`)
  })
  const page = await follow(browser, `/auth?${authorizationRequest(issuer, ids[0]!).query}`)
  const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1]
  if (action === undefined) throw new Error(`oidc-provider shows no login: ${page.status} ${page.text.slice(0, 500)}`)
  const signedIn = await browser.post(action, { prompt: "login", login: "bench", password: "bench" })
  await follow(browser, signedIn.location!)
  // One after the other, so that each client has its grant in the session before many requests come at once.
  for (const id of ids) await redemption(issuer, browser, id)
  await browser.close()
  return { ...issuer, programs }
}
