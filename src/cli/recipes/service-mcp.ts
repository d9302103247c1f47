import { type Recipe, argument, required } from "../recipe.ts"
import { CliFailure } from "../failure.ts"
import type { Session } from "../session.ts"
import { settled } from "./services.ts"

/**
 * The bridge from stdio to Streamable HTTP: supergateway's own images (MCP 2025-11-25 with sessions, and 2026-07-28). Which
 * one depends on what starts the server.
 */
const bridge = (launcher: string) => {
  const flavour = launcher === "uvx" || launcher === "deno" ? `:${launcher}` : ""
  return `supercorp/supergateway${flavour}`
}
const bridgePort = 8000
/** npm and uv unpack what they start; the image itself cannot be written. */
const cache = { npm_config_cache: "/cache/npm", UV_CACHE_DIR: "/cache/uv", DENO_DIR: "/cache/deno", HOME: "/cache" }

/** What `service-create-mcp` was asked to run. */
interface Wanted {
  readonly environment: Readonly<Record<string, string>>
  /** An image that speaks Streamable HTTP by itself. */
  readonly image: string | undefined
  /** A server that speaks over stdio, with its arguments. */
  readonly command: readonly string[]
}

/** `NAME=value` first, as in a shell; then an image alone, or a command in one or several words. @throws CliFailure usage */
export function wantedServer(words: readonly string[]): Wanted {
  const given = words.filter((word) => word !== "")
  const first = given.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word))
  const variables = given.slice(0, first === -1 ? given.length : first)
  const command = first === -1 ? [] : given.slice(first)
  if (command.length === 0)
    throw new CliFailure("usage", "usage: service-create-mcp <name> [NAME=value …] <command … | image>")
  const environment = Object.fromEntries(
    variables.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
  )
  const alone = command.length === 1 && /^[a-z0-9][^\s]*[/:][^\s]+$/.test(command[0]!)
  return alone ? { environment, image: command[0], command: [] } : { environment, image: undefined, command }
}

/** One word as a POSIX shell reads it; a whole command in one word is left as it is. */
function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** The service for what is wanted. */
export function serviceBody(name: string, { environment, image, command }: Wanted): Record<string, unknown> {
  if (image !== undefined) return { service_name: name, image, environment }
  const line = command.length === 1 ? command[0]! : command.map(quoted).join(" ")
  return {
    service_name: name,
    image: bridge(/^\S+/.exec(line.trim())?.[0] ?? ""),
    command: ["--stdio", line, "--outputTransport", "streamableHttp", "--stateful", "--port", String(bridgePort)],
    internal_port: bridgePort,
    environment: { ...cache, ...environment },
    volumes: { cache: "/cache" },
  }
}

const createMcp: Recipe = {
  name: "service-create-mcp",
  group: "services",
  doc: "Run an MCP server behind a host name with OAuth: a stdio command such as npx -y <package>, or an image that speaks Streamable HTTP",
  parameters: [required("name")],
  options: true,
  async run(session: Session, args, words) {
    const name = argument(args, "name")
    const token = await session.token(session.flag("token") ?? "")
    await session.call("createService", { body: serviceBody(name, wantedServer(words)), token })
    await settled({ ...session, show: () => undefined }, name, token)
    const created = await session.call("createServiceProxy", { params: { name }, body: { enable_https: true }, token })
    const { hostname } = created.body["proxy_target"] as { hostname: string }
    const params = { hostname }
    const auth_proxy = `auth.${hostname.slice(hostname.indexOf(".") + 1)}`
    await session.call("setProxyAuth", { params, body: { auth_proxy }, token })
    const reply = await session.call("setProxyMcp", { params, body: {}, token })
    session.show(reply)
    if (session.format === "table")
      session.terminal.error(`connect an MCP client to ${String(reply.body["resource"])}\n`)
  },
}

/** Recipes that put an MCP server into a service. */
export const serviceMcpRecipes: readonly Recipe[] = [createMcp]
