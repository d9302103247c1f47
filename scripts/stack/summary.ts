import { resolve } from "node:path"
import type { Config } from "../../src/platform/config.ts"
import { authority } from "../../src/platform/config.ts"
import { runsInCompose } from "./compose.ts"
import type { Copy } from "./native.ts"
import { lastPort } from "./own-redis.ts"

/** What somebody needs to know after a start. No secret is in it. */
export function summary(copy: Copy, config: Config): string {
  const { home, env } = copy
  const http = config.HTTP_PORT === 80 ? "http://localhost" : `http://localhost:${config.HTTP_PORT}`
  const port = lastPort(home)
  const redis =
    config.REDIS_URL !== undefined
      ? `external, ${new URL(config.REDIS_URL).host}`
      : runsInCompose(home)
        ? `container, 127.0.0.1:${port}`
        : `127.0.0.1:${port}, data in ${home.redis}`
  return `
Gatehouse is ready.

  Web UI and API   http://localhost:${config.API_PORT}/   (this machine only; also ${http}/)
  Public           ${http}   https://${authority("localhost", config.publicHttpsPort)}   on ${config.SERVER_HOST}
  OAuth issuer     https://${config.oauthAuthority}
  Admin token      ADMIN_TOKEN in ${env["ADMIN_TOKEN"] === process.env["ADMIN_TOKEN"] ? "the environment" : resolve(env["GATEHOUSE_ENV_FILE"] ?? ".env")}
  Redis            ${redis}
  Data, logs       ${home.root}

Next
  just demo                                         an MCP server behind OAuth, and one real call to it
  just token-generate alice alice@example.com       a token for somebody who may add proxies
  just proxy-create mcp.example.com http://127.0.0.1:3000 ADMIN
  just help                                         every recipe     just logs · just health · just down

Without an installed just: npx -y rust-just <recipe>`
}
