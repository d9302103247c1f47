import { type RunningApi, issue } from "../running-api.ts"
import { expect } from "vitest"

/** A document as an export has it. */
export interface Exported {
  readonly format: string
  readonly position: number
  readonly digest: string
  readonly secrets: Record<string, string> | null
  readonly [kind: string]: unknown
}

/** What came of an apply. */
export interface Applied {
  readonly dry_run: boolean
  readonly create: { kind: string; name: string }[]
  readonly update: { kind: string; name: string; changes: { field: string; from: unknown; to: unknown }[] }[]
  readonly delete: { kind: string; name: string }[]
  readonly unchanged: number
  readonly errors: { kind: string; name: string; code: string; detail: string }[]
  readonly digest: string
}

export const passphrase = "correct horse battery staple"
export const target_url = "http://93.184.216.34:3000"

export async function exported(api: RunningApi, query = "", headers = {}): Promise<Exported> {
  const { status, body } = await api.call<Exported>("GET", `/api/v1/export${query}`, undefined, headers)
  expect(status).toBe(200)
  return body
}

export async function applied(api: RunningApi, document: unknown, query = "", headers = {}): Promise<Applied> {
  const { status, body } = await api.call<Applied>("POST", `/api/v1/apply${query}`, document, headers)
  expect([status, (body as unknown as { detail?: string }).detail]).toEqual([200, undefined])
  return body
}

async function done(answer: Promise<{ status: number; body: unknown }>): Promise<void> {
  const { status, body } = await answer
  expect([status, status < 300 ? undefined : body]).toEqual([expect.any(Number), undefined])
}

/** Objects of every kind and of two owners, with what makes them differ from new ones. @returns the value of alice's token */
export async function busySystem(api: RunningApi): Promise<string> {
  const post = (path: string, body: object) => done(api.call("POST", `/api/v1/${path}`, body))
  const put = (path: string, body: object) => done(api.call("PUT", `/api/v1/${path}`, body))
  const alice = await api.token("Alice")
  await put("tokens/email", { name: "Alice", cert_email: "alice@example.com" })
  await post("instances", { name: "db", target_url, description: "the store", owner: "Alice" })
  await post("certificates", { cert_name: "Wide", domain: "*.internal", owner: "Alice" })
  await issue(api, "Wide")
  await post("certificates", { cert_name: "staged", domain: "mcp.example.com", staging: true, email: "a@example.com" })
  const headers = { "x-tenant": "seven" }
  await post("proxy/targets", { hostname: "a.internal", target_url, owner: "Alice", custom_headers: headers })
  await post("proxy/targets", { hostname: "b.internal", target_url: "instance://db", enabled: false })
  await post("proxy/targets", { hostname: "plain.internal", target_url, enable_https: false, owner: "Alice" })
  await put("proxy/targets/b.internal", { cert_name: "staged", force: true })
  await post("proxy/targets/a.internal/auth", { auth_proxy: "auth.localhost", auth_required_users: ["jo"] })
  await post("proxy/targets/a.internal/mcp", { mcp_endpoint: "/v2/mcp", mcp_scopes: ["files:read"] })
  await post("routes", { route_id: "glob", path_pattern: "/glob", target_type: "port", target_value: 3010 })
  await post("routes", {
    route_id: "own",
    path_pattern: "/own",
    target_type: "instance",
    target_value: "db",
    proxy_hostnames: ["a.internal"],
    owner: "Alice",
    methods: ["GET"],
  })
  await put("proxy/targets/a.internal/routes", { route_mode: "selective", enabled_routes: ["glob"] })
  await put("proxy/targets/plain.internal/routes", { route_mode: "all", disabled_routes: ["glob"] })
  await post("resources/auto-register", {})
  await post("resources", { uri: "https://b.internal/x", name: "X", proxy_target: "b.internal" })
  const environment = { API_KEY: "the-key", MODE: "fast" }
  await post("services?auto_proxy=true", { service_name: "web", image: "nginx:1", environment, owner: "Alice" })
  await post("services", {
    service_name: "idle",
    dockerfile_path: "idle/Dockerfile",
    labels: { a: "b" },
    expose: false,
  })
  await done(api.call("POST", "/api/v1/services/idle/stop"))
  await post("routes", { route_id: "to-web", path_pattern: "/web", target_type: "service", target_value: "web" })
  const filter = { types: ["ProxyCreated"] }
  await post("webhooks", { name: "deploys", url: "https://93.184.216.34/hook", filter, owner: "Alice" })
  await post("webhooks", { name: "off", url: "https://93.184.216.34/off", description: "not now" })
  await put("webhooks/off", { enabled: false })
  return alice
}
