import { ApiFailure, type Client, type Input, type Reply, client } from "./client.ts"
import { CliFailure } from "./failure.ts"
import { readable } from "./table.ts"
import { truth } from "./arguments.ts"

/** What the command line talks to. */
export interface Terminal {
  readonly env: Readonly<Record<string, string>>
  /** Which of these the `.env` file set; by default none. */
  readonly envFile?: { readonly file: string; readonly names: ReadonlySet<string> }
  /** Is standard output a terminal? */
  readonly interactiveOutput: boolean
  /** Is somebody there to answer a question? */
  readonly interactiveInput: boolean
  write(text: string): void
  error(text: string): void
  /** Asks and waits for one line. */
  ask(question: string): Promise<string>
}

/** One run of one command. */
export interface Session extends Client {
  readonly terminal: Terminal
  /** A flag's value; undefined when it was not given. */
  flag(name: string): string | undefined
  /** A flag that needs no value. */
  on(name: string): boolean
  /** Value of the token that an argument names: see {@link resolveToken}. */
  token(argument: string): Promise<string | undefined>
  /** A list, all of its pages unless `--page` asks for one. */
  list(operationId: string, collection: string, input?: Input): Promise<Reply>
  /** Prints an answer: a table on a terminal, else the body unchanged. */
  show(reply: Pick<Reply, "body" | "text">): void
  /** Goes on only if somebody agrees. @throws CliFailure unconfirmed */
  confirm(plan: string, force?: boolean): Promise<void>
  /** `json` when the body is to be printed as it came. */
  readonly format: "table" | "json"
}

/** A session at a terminal. @throws CliFailure usage */
export function session(terminal: Terminal, flags: ReadonlyMap<string, string>): Session {
  const { env } = terminal
  let known: Client | undefined
  // What calls nothing also tells of a wrong address.
  const connected = () => (known ??= client(baseUrl(env), flags.get("reason")))
  const api: Client = {
    call: async (...call) => connected().call(...call),
    get: async (...call) => connected().get(...call),
    stream: async (...call) => connected().stream(...call),
  }
  const flag = (name: string) => flags.get(name)
  const on = (name: string) => truth(name, flags.get(name) ?? "false")
  const format = outputFormat(flag("output"), terminal)
  return {
    ...api,
    terminal,
    format,
    flag,
    on,
    token: (argument) => resolveToken(argument, env["ADMIN_TOKEN"], api),
    list: (operationId, collection, input = {}) => listAll(api, operationId, collection, input, flag),
    show: ({ body, text }) =>
      terminal.write(format === "json" || Object.keys(body).length === 0 ? `${text.trimEnd()}\n` : readable(body)),
    async confirm(plan, force = false) {
      if (force || on("yes") || on("force")) return
      if (!terminal.interactiveInput) {
        terminal.error(`${plan}\n`)
        throw new CliFailure("unconfirmed", "confirmation_missing: say --yes, or ask at a terminal")
      }
      const answer = await terminal.ask(`${plan}\nGo on? [y/N] `)
      if (!/^y(es)?$/i.test(answer.trim()))
        throw new CliFailure("unconfirmed", "confirmation_missing: nothing was changed")
    },
  }
}

function baseUrl(env: Readonly<Record<string, string>>): string {
  const base = env["BASE_URL"] ?? `http://127.0.0.1:${env["API_PORT"] ?? "9000"}`
  if (!/^https?:$/.test(URL.parse(base)?.protocol ?? ""))
    throw new CliFailure("usage", "usage: BASE_URL must be an http or https URL")
  return base
}

function outputFormat(asked: string | undefined, terminal: Terminal): "table" | "json" {
  if (asked === undefined) return terminal.interactiveOutput ? "table" : "json"
  if (asked === "table" || asked === "json") return asked
  throw new CliFailure("usage", "usage: --output is table or json")
}

/**
 * Token argument: empty or `ADMIN` is ADMIN_TOKEN; the name of a stored token is that token, revealed; anything else is the value.
 * The names come from the list, because a value must not stand in a URL.
 */
async function resolveToken(
  argument: string,
  adminToken: string | undefined,
  api: Client,
): Promise<string | undefined> {
  if (argument === "" || argument === "ADMIN") return adminToken
  if (adminToken === undefined || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(argument)) return argument
  const name = (await tokenNames(adminToken, api)).find((known) => known.toLowerCase() === argument.toLowerCase())
  if (name === undefined) return argument
  const revealed = await api.call("revealToken", { token: adminToken, params: { name }, query: { confirm: true } })
  return revealed.body["token"] as string
}

/** Names of all tokens; none for a token that may not list them. */
async function tokenNames(adminToken: string, api: Client): Promise<string[]> {
  try {
    const { body } = await listAll(api, "listTokens", "tokens", { token: adminToken }, () => undefined)
    return (body["tokens"] as { name: string }[]).map(({ name }) => name)
  } catch (error) {
    if (error instanceof ApiFailure && (error.status === 401 || error.status === 403)) return []
    throw error
  }
}

/** A list, all of its pages unless a flag asks for one. */
export async function listAll(
  api: Pick<Client, "call">,
  operationId: string,
  collection: string,
  input: Input,
  flag: (name: string) => string | undefined,
): Promise<Reply> {
  const perPage = flag("per-page")
  const get = (page: string | number, per_page: string | number | undefined) =>
    api.call(operationId, { ...input, query: { ...input.query, page, per_page } })
  const asked = flag("page")
  if (asked !== undefined) return get(asked, perPage)
  const first = await get(1, perPage ?? 100)
  const { pages, total } = first.body["pagination"] as { pages: number; total: number }
  if (pages <= 1) return first
  const items = [...(first.body[collection] as unknown[])]
  for (let page = 2; page <= pages; page += 1)
    items.push(...((await get(page, perPage ?? 100)).body[collection] as unknown[]))
  const body = { ...first.body, [collection]: items, pagination: { total, page: 1, per_page: items.length, pages: 1 } }
  return { ...first, body, text: JSON.stringify(body) }
}
