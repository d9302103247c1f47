import { type Recipe, argument, choice, optional, required } from "../recipe.ts"
import { CliFailure } from "../failure.ts"
import type { Session } from "../session.ts"
import { fieldsOf } from "./proxies.ts"
import { words } from "../value.ts"

const group = "proxies"

type Settings = Readonly<Record<string, unknown>>
type Edit = (settings: Settings) => object | Promise<object>

/** Reads a proxy's settings of one kind, changes them and writes them back; refused when somebody else changed them in between. */
async function changeSettings(
  session: Session,
  args: Readonly<Record<string, string>>,
  [read, write]: readonly [string, string],
  edit: Edit,
): Promise<void> {
  const input = {
    params: { hostname: argument(args, "hostname") },
    token: await session.token(argument(args, "token")),
  }
  const { body, headers } = await session.call(read, input)
  const ifMatch = session.flag("if-match") ?? headers.get("etag") ?? undefined
  session.show(await session.call(write, { ...input, body: await edit(body), ifMatch }))
}

const changeAuth = (session: Session, args: Readonly<Record<string, string>>, edit: Edit) =>
  changeSettings(session, args, ["getProxyAuth", "setProxyAuth"], edit)

/** Settings stay, so that no rule is lost on the way; what is only shown is not sent. */
const changeMcp = (session: Session, args: Readonly<Record<string, string>>, edit: Edit) =>
  changeSettings(session, args, ["getProxyMcp", "setProxyMcp"], (shown) => {
    const { resource: _, metadata_url: __, ...settings } = shown
    return edit(settings)
  })

const enableAuth: Recipe = {
  name: "proxy-auth-enable",
  group,
  doc: "Protect a proxy by an OAuth host; mode is forward, redirect or passthrough",
  parameters: [required("hostname"), required("token"), required("auth-proxy"), required("mode")],
  run: (session, args) =>
    changeAuth(session, args, (settings) => ({
      ...settings,
      auth_enabled: true,
      auth_proxy: argument(args, "auth-proxy"),
      auth_mode: argument(args, "mode"),
    })),
}

const kinds = ["users", "emails", "groups"] as const

const configureAuth: Recipe = {
  name: "proxy-auth-config",
  group,
  doc: "Set who may pass a proxy; a kind that is left empty is not restricted; asks before dropping a restriction",
  parameters: [required("hostname"), required("token"), ...kinds.map((kind) => optional(kind))],
  run: (session, args) =>
    changeAuth(session, args, async (settings) => {
      if (settings["auth_proxy"] === undefined)
        throw new CliFailure("apiError", "invalid_state: the proxy has no auth yet; begin with proxy-auth-enable")
      const rules = Object.fromEntries(
        kinds.map((kind) => {
          const listed = words(argument(args, kind))
          return [`auth_required_${kind}`, listed.length === 0 ? null : listed]
        }),
      )
      const dropped = Object.keys(rules).filter((name) => rules[name] === null && Array.isArray(settings[name]))
      if (dropped.length > 0)
        await session.confirm(
          `These restrictions of ${argument(args, "hostname")} will be dropped: ${dropped.join(", ")}`,
        )
      return { ...settings, ...rules }
    }),
}

const enableMcp: Recipe = {
  name: "proxy-mcp-enable",
  group,
  doc: "Make a proxy an MCP resource",
  parameters: [
    required("hostname"),
    required("token"),
    optional("endpoint", "/mcp"),
    optional("scopes", "mcp:read mcp:write"),
    choice("stateful", false),
    choice("override-backend", false),
  ],
  run: (session, args) =>
    changeMcp(session, args, (settings) => ({
      ...settings,
      mcp_enabled: true,
      mcp_endpoint: argument(args, "endpoint"),
      mcp_scopes: words(argument(args, "scopes")),
      mcp_stateful: argument(args, "stateful") === "true",
      mcp_override_backend: argument(args, "override-backend") === "true",
    })),
}

/** Settings that keep people out: dropping one is asked about. */
const restrictions = ["mcp_policy", "mcp_scope_rules", "mcp_scope_hierarchy", "mcp_versions"]

const configureMcp: Recipe = {
  name: "proxy-mcp-config",
  group,
  doc: 'Change MCP settings of a proxy: key=value, for example policy=\'{"default":"allow","rules":[]}\'; key= resets',
  parameters: [required("hostname"), required("token")],
  options: true,
  run: (session, args, options) =>
    changeMcp(session, args, async (settings) => {
      const given = options.map((option) => (/^(mcp[_-]|$)/.test(option) ? option : `mcp_${option}`))
      const empty = given.filter((option) => /^[a-z][\w-]*=$/.test(option))
      const reset = empty.map((option) => option.slice(0, -1).replaceAll("-", "_"))
      const set = given.filter((option) => !empty.includes(option))
      const changes = set.length === 0 && reset.length > 0 ? {} : fieldsOf("setProxyMcp", set)
      const dropped = restrictions.filter((name) => reset.includes(name) && settings[name] !== undefined)
      if (dropped.length > 0)
        await session.confirm(`These rules of ${argument(args, "hostname")} will be dropped: ${dropped.join(", ")}`)
      const kept = Object.entries({ ...settings, ...changes }).filter(([name]) => !reset.includes(name))
      return Object.fromEntries(kept)
    }),
}

const removal = (name: string, doc: string, operationId: string): Recipe => ({
  name,
  group,
  doc,
  parameters: [required("hostname"), required("token")],
  async run(session, args) {
    const params = { hostname: argument(args, "hostname") }
    const token = await session.token(argument(args, "token"))
    session.show(await session.call(operationId, { params, token, ifMatch: session.flag("if-match") }))
  },
})

const showing = (name: string, doc: string, operationId: string): Recipe => ({
  name,
  group,
  doc,
  parameters: [required("hostname")],
  async run(session, args) {
    const params = { hostname: argument(args, "hostname") }
    session.show(await session.call(operationId, { params, token: await session.token("") }))
  },
})

/** Recipes about a proxy's auth and MCP settings. */
export const proxySettingRecipes: readonly Recipe[] = [
  enableAuth,
  removal("proxy-auth-disable", "Open a proxy to everybody", "removeProxyAuth"),
  configureAuth,
  showing("proxy-auth-show", "Show the auth settings of a proxy", "getProxyAuth"),
  enableMcp,
  removal("proxy-mcp-disable", "Reset the MCP settings of a proxy", "removeProxyMcp"),
  configureMcp,
  showing("proxy-mcp-show", "Show the MCP settings of a proxy", "getProxyMcp"),
]
