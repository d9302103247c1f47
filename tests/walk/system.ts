import { type ContainerEngine, makeWebImage, startContainerEngine } from "../support/container-engine.ts"
import { type McpServer, startMcpServer } from "../support/mcp-server.ts"
import { type Node, eventually, installation, startNode } from "../support/gatehouse.ts"
import { type AcmeRelay, startAcmeRelay } from "../support/acme-relay.ts"
import { startPebble } from "../support/pebble.ts"
import { type OidcStub, oidcStub } from "../oauth/oidc-stub.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { freePortRange } from "../support/ports.ts"

/** All of Gatehouse with everything around it: Redis, an ACME CA, a container engine, an MCP server as backend. */
export interface System {
  readonly node: Node
  readonly redis: RedisServer
  readonly engine: ContainerEngine
  readonly mcp: McpServer
  /** In front of the ACME CA. */
  readonly ca: AcmeRelay
  /** The company's identity provider. */
  readonly provider: OidcStub
  /** Values of the API tokens of two owners. */
  readonly alice: string
  readonly bob: string
  /** Anchors of the certificates that it serves with. */
  readonly roots: readonly string[]
  /** What the command line shares with the node. */
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

const firstPort = freePortRange()

export async function startSystem(): Promise<System> {
  const redis = await redisServer()
  const pebble = await startPebble()
  const ca = await startAcmeRelay(pebble)
  const mcp = await startMcpServer()
  const provider = await oidcStub()
  const engine = await startContainerEngine()
  await makeWebImage(engine, "gatehouse/test-web:1", "one")
  const node = await startNode(
    installation(redis.url),
    {
      HTTP_PORT: String(pebble.httpPort),
      ACME_DIRECTORY_URL: ca.directoryUrl,
      ACME_STAGING_URL: ca.directoryUrl,
      ACME_POLL_INTERVAL_SECONDS: "0.1",
      NODE_EXTRA_CA_CERTS: pebble.caFile,
      TARGET_ALLOW_CIDRS: "127.0.0.0/8",
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: "gatehouse",
      OIDC_CLIENT_SECRET: "secret",
      OIDC_ALLOWED_USERS: "group:staff",
      OAUTH_LOCAL_LOGIN: "true",
      DOCKER_HOST: engine.host,
      SERVICE_PORT_RANGE: `${firstPort}-${firstPort + 39}`,
      SERVICE_ALLOWED_IMAGES: "gatehouse/test-web",
    },
    60_000,
  )
  const token = async (name: string) =>
    (await node.api<{ token: string }>("POST", "/api/v1/tokens", { name, cert_email: `${name}@example.com` })).body
      .token
  return {
    node,
    redis,
    engine,
    mcp,
    ca,
    provider,
    alice: await token("alice"),
    bob: await token("bob"),
    roots: [await pebble.issuingRoot(), await internalRoot(node)],
    env: { BASE_DOMAIN: "localhost" },
    async stop() {
      await node.stop()
      for (const id of (await engine.docker("ps", "-aq")).split("\n").filter(Boolean))
        await engine.docker("rm", "-f", "-v", id)
      await ca.stop()
      await Promise.all([engine.stop(), mcp.stop(), pebble.stop(), provider.stop()])
      await redis.stop()
    },
  }
}

/** Certificate of the internal CA: the last one in the chain of the OAuth host. */
function internalRoot(node: Node): Promise<string> {
  return eventually(
    "the OAuth host has its certificate",
    async () => {
      const { body } = await node.api<{ certificates: { cert_name: string }[] }>("GET", "/api/v1/certificates")
      const name = body.certificates[0]?.cert_name
      if (name === undefined) return false
      const one = await node.api<{ fullchain_pem: string | null }>("GET", `/api/v1/certificates/${name}`)
      return one.body.fullchain_pem?.match(/-----BEGIN[^]*?END CERTIFICATE-----/g)?.at(-1)
    },
    30_000,
  )
}
