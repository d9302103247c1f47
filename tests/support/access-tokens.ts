import { type KeyObject, generateKeyPairSync, sign } from "node:crypto"
import { type World, apply, emptyWorld, find } from "../../src/events/world.ts"
import type { Proxy } from "../../src/events/proxy.ts"
import { type ResourceProxy, withResources } from "../../src/projections/resource.ts"
import { calculateJwkThumbprint } from "jose"

/** A moment that tests take as now, seconds. */
export const instant = 1_800_000_000

type Algorithm = "RS256" | "ES256" | "EdDSA"

/** A signing key with its private half. */
export interface TestKey {
  readonly kid: string
  readonly algorithm: Algorithm
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** Folds one event, numbered after the last, into the world. */
export function fold(
  world: World,
  kind: string,
  id: string,
  type: string,
  data: unknown,
  at = "2026-01-01T00:00:00.000Z",
): void {
  const meta = {
    actor: { name: "test", admin: true },
    command_id: "c",
    command: "Test",
    correlation_id: "c",
    at,
  }
  apply(world, { position: world.position + 1, kind, id, type, schema: 1, data, meta, hash: "0".repeat(64) })
}

/** Makes a key pair and publishes its public half in the world. */
export async function addKey(world: World, algorithm: Algorithm): Promise<TestKey> {
  const { publicKey, privateKey } = keyPair(algorithm)
  const jwk = publicKey.export({ format: "jwk" })
  const kid = await calculateJwkThumbprint(jwk)
  fold(world, "signing-key", kid, "SigningKeyAdded", {
    algorithm,
    public_jwk: jwk,
    key_ref: "key-1",
    activates_at: "2026-01-01T00:00:00.000Z",
  })
  return { kid, algorithm, publicKey, privateKey }
}

function keyPair(algorithm: Algorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (algorithm) {
    case "RS256":
      return generateKeyPairSync("rsa", { modulusLength: 2048 })
    case "ES256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" })
    case "EdDSA":
      return generateKeyPairSync("ed25519")
  }
}

/** A client, and a grant for it. */
export function addGrant(
  world: World,
  grantId = "grant-0001",
  clientId = "mcp_client1",
  subject = "github-583231",
): void {
  if (find(world, "client", clientId) === undefined)
    fold(world, "client", clientId, "ClientRegistered", {
      metadata: {
        redirect_uris: ["http://127.0.0.1/callback"],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
      },
      secret_hash: null,
      registration_token_hash: `sha256:${"0".repeat(64)}`,
      expires_at: "2099-01-01T00:00:00.000Z",
    })
  fold(world, "grant", grantId, "GrantIssued", {
    client_id: clientId,
    subject,
    username: "Octocat",
    email: "octocat@example.com",
    email_verified: true,
    provider: "github",
    scope: "mcp:read",
    resources: [],
    redirect_uri: "http://127.0.0.1/callback",
  })
}

/** Claims of a good token for `https://mcp.example.com`. */
export const goodClaims = {
  iss: "https://auth.example.com",
  sub: "github-583231",
  aud: ["https://mcp.example.com/mcp"],
  client_id: "mcp_client1",
  azp: "mcp_client1",
  iat: instant - 10,
  exp: instant + 1790,
  jti: "jti-1",
  scope: "mcp:read mcp:write",
  sid: "grant-0001",
  auth_time: instant - 60,
  username: "Octocat",
  name: "The Octocat",
  email: "octocat@example.com",
  groups: ["acme", "acme/dev"],
}

const base64url = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")

/** Signs any header and any payload (text is taken as it stands), however wrong. */
export function signed(key: TestKey, payload: unknown = goodClaims, header: unknown = goodHeader(key)): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  const digest = key.algorithm === "EdDSA" ? null : "sha256"
  const dsa = key.algorithm === "ES256" ? { dsaEncoding: "ieee-p1363" as const } : {}
  return `${input}.${sign(digest, Buffer.from(input), { key: key.privateKey, ...dsa }).toString("base64url")}`
}

/** Header of a good token. */
export function goodHeader(key: TestKey): Record<string, unknown> {
  return { alg: key.algorithm, typ: "at+jwt", kid: key.kid }
}

/** Auth settings that let any good token pass. */
export const openAuth = {
  auth_enabled: true,
  auth_proxy: "auth.example.com",
  auth_mode: "forward",
  auth_required_users: null,
  auth_required_emails: null,
  auth_required_groups: null,
  auth_pass_headers: true,
  auth_excluded_paths: [],
  auth_cookie_name: null,
  auth_header_prefix: "X-Auth-",
} as NonNullable<Proxy["auth"]>

/** MCP settings with the defaults. */
export const defaultMcp = {
  mcp_enabled: true,
  mcp_endpoint: "/mcp",
  mcp_scopes: ["mcp:read", "mcp:write"],
  mcp_stateful: false,
  mcp_override_backend: false,
} as NonNullable<Proxy["mcp"]>

/** A proxy of `mcp.example.com` as the world holds it. */
export function proxyWith(
  auth: Partial<NonNullable<Proxy["auth"]>> | null,
  mcp: Partial<NonNullable<Proxy["mcp"]>> | null = {},
  resources: readonly { uri: string; scopes?: readonly string[] }[] = [],
): ResourceProxy {
  const world = emptyWorld()
  const hostname = "mcp.example.com"
  fold(world, "proxy", hostname, "ProxyCreated", {
    hostname,
    owner: "someone",
    target_url: "http://127.0.0.1:8080",
    cert_name: null,
    enabled: true,
    enable_http: true,
    enable_https: true,
    preserve_host_header: true,
    custom_headers: {},
  })
  if (auth !== null) fold(world, "proxy", hostname, "ProxyAuthSet", { ...openAuth, ...auth })
  if (mcp !== null) fold(world, "proxy", hostname, "ProxyMcpSet", { ...defaultMcp, ...mcp })
  for (const { uri, scopes = ["mcp:read", "mcp:write"] } of resources)
    fold(world, "resource", uri, "ResourceRegistered", {
      uri,
      name: `Name of ${uri}`,
      proxy_target: hostname,
      scopes,
      metadata_url: null,
      description: "",
      owner: "someone",
      auto: false,
    })
  return withResources(world, find(world, "proxy", hostname)!)
}
