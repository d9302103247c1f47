import { ApiFailure, type Reply } from "../client.ts"
import { type Recipe, argument, required } from "../recipe.ts"
import { calling, mcpAccess } from "../mcp-access.ts"
import { logged, settled, tell } from "../service-progress.ts"
import { CliFailure } from "../failure.ts"
import type { Session } from "../session.ts"
import { isDeepStrictEqual } from "node:util"
import { waitFor } from "../follow.ts"

/**
 * The bridge from stdio to Streamable HTTP: supergateway's own images (MCP 2025-11-25 with sessions, and 2026-07-28). Which
 * one depends on what starts the server.
 */
const bridge = (launcher: string) => {
  const flavour = launcher === "uvx" || launcher === "deno" ? `-${launcher}` : ""
  return `supercorp/supergateway:${bridgeVersion}${flavour}`
}
/** The release that is tested here (npm package `supergateway` of the same version): a later one may speak otherwise. */
export const bridgeVersion = "4.0.0"
const bridgePort = 8000
/** A session that nobody uses for so long ends, with its server process; a client begins another. */
const sessionMs = 30 * 60_000
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
    command: [
      ...["--stdio", line, "--outputTransport", "streamableHttp", "--port", String(bridgePort)],
      ...["--stateful", "--sessionTimeout", String(sessionMs)],
    ],
    internal_port: bridgePort,
    memory_limit: "1g",
    pids_limit: 1024,
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
    const wanted = wantedServer(words)
    await created(session, serviceBody(name, wanted), token)
    const { body: service } = await settled(session, name, token)
    const hostname = (service["proxies"] as string[])[0] ?? (await proxied(session, name, token))
    const { body: proxy } = await session.call("getProxy", { params: { hostname }, token })
    await certified(session, proxy["cert_name"] as string | null, token)
    const reply = await protect(session, proxy, token, wanted.image === undefined)
    const url = reply.body["resource"] as string
    const answer = await proven(session, name, url, token)
    if (session.format === "json") return session.show(reply)
    session.terminal.write(
      [
        url,
        `  ${answer}`,
        `  Connect   claude mcp add --transport http ${name} ${url}`,
        `  Try       just test-proxy-mcp ${hostname}`,
        `  Log       just service-logs ${name}`,
        "",
      ].join("\n"),
    )
  },
}

/** Creates the service; one that is there already and is the same is gone on with, so that a command cut off can be repeated. */
async function created(session: Session, body: Record<string, unknown>, token: string | undefined): Promise<void> {
  const name = body["service_name"] as string
  try {
    await session.call("createService", { body, token })
    tell(session, `${name}: created from ${String(body["image"])}`)
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.code !== "already_exists") throw error
    const { body: there } = await session.call("getService", { params: { name }, token })
    const same = ["image", "command"].every((key) => isDeepStrictEqual(there[key] ?? null, body[key] ?? null))
    if (!same)
      throw new CliFailure(
        "apiError",
        `already_exists: the service ${name} runs something else; take another name, or first: just service-delete ${name}`,
      )
    tell(session, `${name}: there already; going on with it`)
  }
}

async function proxied(session: Session, name: string, token: string | undefined): Promise<string> {
  const made = await session.call("createServiceProxy", { params: { name }, body: { enable_https: true }, token })
  const { hostname } = made.body["proxy_target"] as { hostname: string }
  tell(session, `${hostname}: proxy to ${name}`)
  return hostname
}

async function certified(session: Session, name: string | null, token: string | undefined): Promise<void> {
  if (name === null) return
  tell(session, `${name}: waiting for the certificate`)
  await waitFor(session, `/api/v1/certificates/${name}/status`, token)
}

/** Switches on what is not yet: restrictions that somebody has set stay. @returns the answer that names the resource */
async function protect(
  session: Session,
  proxy: Readonly<Record<string, unknown>>,
  token: string | undefined,
  stateful: boolean,
): Promise<Reply> {
  const hostname = proxy["hostname"] as string
  const params = { hostname }
  if (proxy["auth_enabled"] !== true) {
    const auth_proxy = `auth.${hostname.slice(hostname.indexOf(".") + 1)}`
    await session.call("setProxyAuth", { params, body: { auth_proxy }, token })
    tell(session, `${hostname}: sign-in at ${auth_proxy}`)
  }
  // The bridge keeps a server process for each session: whoever begins one is the only one to go on with it.
  if (proxy["mcp_enabled"] !== true)
    return session.call("setProxyMcp", { params, body: { mcp_stateful: stateful }, token })
  return session.call("getProxyMcp", { params, token })
}

/** npm fetches a package when its server is asked for the first time. */
const mostCalls = 6

/**
 * Signs in as a client would and has the server answer once.
 * @returns what it says
 * @throws CliFailure apiError with the end of its log when it does not answer
 */
async function proven(session: Session, name: string, url: string, token: string | undefined): Promise<string> {
  tell(session, `${url}: signing in and asking the server`)
  const access = await calling(session, (calls) => mcpAccess(calls, url, token ?? "")).catch((error: unknown) => {
    if (!(error instanceof CliFailure)) throw error
    return error
  })
  // Where people sign in elsewhere, nobody can do that for them.
  if (access instanceof CliFailure) return `Not tried, for nobody could sign in (${access.message}).`
  let words = ""
  for (let asked = 0; asked < mostCalls; asked += 1) {
    const body = { url, token: access.access_token }
    const { steps } = (await session.call("diagnoseConnector", { token, body })).body as unknown as Diagnosis
    const broken = steps.find(({ status }) => status === "failed")
    words = (broken ?? steps.find(({ step }) => step === "call"))!.words
    if (broken === undefined) return words
    if (broken.step !== "call") break
    if (asked === 0) tell(session, `${url}: no answer yet; a package that is fetched first takes its time`)
  }
  const lines = (await logged(session, name, token)).map((line) => `  ${line}`).join("\n")
  throw new CliFailure("apiError", `broken: ${words}\nThe last lines of ${name}:\n${lines}`)
}

interface Diagnosis {
  readonly steps: readonly { readonly step: string; readonly status: string; readonly words: string }[]
}

/** Recipes that put an MCP server into a service. */
export const serviceMcpRecipes: readonly Recipe[] = [createMcp]
