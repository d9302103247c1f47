import type { RunningApi } from "../running-api.ts"

const target = "http://93.184.216.34"

/** A word that only what belongs to bob contains. */
export const bobsMark = "zz9bobs9zz"

/** Values for fields and parameters by their name: objects of both owners and of nobody. */
export const known: Readonly<Record<string, readonly unknown[]>> = {
  name: ["alice", "bob", "alices", "bobs", "carol", "ADMIN", "fresh"],
  owner: ["alice", "bob", "nobody"],
  reassign_to: ["alice", "nobody"],
  cert_name: ["alices", "bobs", "fresh", null],
  hostname: ["alice.internal", "bob.internal", "fresh.internal"],
  proxy_hostnames: ["alice.internal", "bob.internal"],
  proxy_target: ["alice.internal", "bob.internal"],
  domain: ["alice.internal", "bob.internal", "fresh.internal", "www.example.com"],
  domains: ["alice.internal", "fresh.internal", "*.fresh.internal"],
  route_id: ["alices", "bobs", "everywhere", "fresh"],
  enabled_routes: ["alices", "bobs", "everywhere"],
  disabled_routes: ["alices", "everywhere", "none"],
  path_pattern: ["/", "/api", "/v[12]/.*", "/a/b/"],
  target_url: [target, `${target}:8080/x`, "instance://alices", "service://bobs", "http://169.254.169.254"],
  target_value: [target, "alices", "bobs", "alice.internal", "3000"],
  uri: ["https://alice.internal:8443/mcp", "https://bob.internal:8443/mcp", "https://fresh.internal"],
  service_name: ["alices", "bobs", "fresh"],
  image: ["nginx", "redis:7"],
  auth_proxy: ["auth.localhost", "auth.elsewhere.test"],
  oauth_domain: ["auth.localhost", "elsewhere.test"],
  client_id: ["mcp_none", "none"],
  session_id: ["none"],
  jti: ["none"],
  id: ["none", "00000000-0000-4000-8000-000000000000"],
  position: ["1", "2", "5", "20", "999999"],
  // Whoever examines a connector goes out to it: to this machine alone.
  url: ["alice.internal", "bob.internal", "nonsense", "https://127.0.0.1:9/mcp"],
  from: [1, 5],
  min_position: [1],
  timeout: [0],
  wait: [false],
  follow: [false],
}

/** Fields that have no other values here: a position that is not there yet is waited for, and what waits does so as long as it is told. */
export const waits: ReadonlySet<string> = new Set(["from", "min_position", "timeout", "wait", "follow"])

/** Creates whatever of it is not there: some of each kind for alice and for bob. */
export async function populate(api: RunningApi, alice: string, bob: string): Promise<void> {
  for (const [token, one, mark] of [
    [alice, "alice", "alices"],
    [bob, "bob", bobsMark],
  ] as const) {
    const create = (path: string, body: object) => api.call("POST", `/api/v1/${path}`, body, {}, token)
    const names = `${one}s`
    const hostname = `${one}.internal`
    await create("certificates", { cert_name: names, domain: `${mark}.internal` })
    await create("proxy/targets", { hostname, target_url: `${target}/${mark}`, enable_https: false })
    await create("instances", { name: names, target_url: target, description: mark })
    await create("routes", { route_id: names, path_pattern: `/${mark}`, target_type: "url", target_value: target })
    await create("resources", { uri: `https://${hostname}:8443/mcp`, name: mark, proxy_target: hostname })
    const service = { service_name: names, image: "nginx", labels: { mark }, owner: one }
    await api.call("POST", "/api/v1/services", service)
    await create("oauth/clients", { client_name: mark })
  }
  const route = { route_id: "everywhere", path_pattern: "/everywhere", target_type: "url", target_value: target }
  await api.call("POST", "/api/v1/routes", route)
}
