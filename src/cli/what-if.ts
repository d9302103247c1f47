import { type Input, type Reply, operation } from "./client.ts"
import { type Session, type Terminal, session } from "./session.ts"
import { bindParameters, parseArguments } from "./arguments.ts"
import { changeLines, fieldLines, showText } from "./log-text.ts"
import { CliFailure } from "./failure.ts"
import { cell } from "../api/rows.ts"
import type { Recipe } from "./recipe.ts"
import { runOperation, switches } from "./run-operation.ts"

/** What was tried: nothing after it can be known. */
class Tried extends Error {
  readonly reply: Reply

  constructor(reply: Reply) {
    super("tried")
    this.reply = reply
  }
}

/**
 * Runs a recipe or an operation up to its first change, and tries that one instead of making it.
 * @throws CliFailure usage, apiError
 */
export async function whatIf(argv: readonly string[], terminal: Terminal, recipes: readonly Recipe[]): Promise<void> {
  const [name = "", ...rest] = argv
  const recipe = recipes.find((known) => known.name === name)
  const endpoint = operation(name)
  if (recipe?.unparsed !== undefined || (recipe === undefined && endpoint === undefined))
    throw new CliFailure("usage", `usage: there is no recipe and no operation ${name} that can be tried`)
  const own = (recipe?.parameters ?? []).filter(({ boolean }) => boolean === true).map((parameter) => parameter.name)
  const given = parseArguments(rest, new Set([...switches, ...own]))
  const { at, as, ...flags } = Object.fromEntries(given.flags)
  if (at !== undefined && !/^\d+$/.test(at)) throw new CliFailure("usage", "usage: --at is a position")
  const left = new Map(Object.entries(flags))
  const outer = session(terminal, left)
  const trying = tryingSession(outer, at, as)
  try {
    if (recipe !== undefined) {
      const options: string[] = []
      const named = { positionals: given.positionals, flags: left }
      const args = bindParameters(named, recipe.parameters, recipe.options && options)
      await recipe.run(trying, args, options)
    } else await runOperation(endpoint!, trying, left)
  } catch (error) {
    if (!(error instanceof Tried)) throw error
    return showTrial(outer, error.reply)
  }
  throw new CliFailure("usage", `usage: ${name} changes nothing`)
}

/** Reads go through; the first change is tried and ends it. Names of tokens are not revealed: they say whose rights count. */
function tryingSession(outer: Session, at: string | undefined, asked: string | undefined): Session {
  let as = asked
  return {
    ...outer,
    confirm: async () => {},
    async token(argument) {
      if (argument !== "" && argument !== "ADMIN") as ??= argument
      return outer.token("")
    },
    async call(operationId: string, input: Input = {}) {
      if (operation(operationId)?.method === "GET") return outer.call(operationId, input)
      const { params = {}, query = {}, body } = input
      const texts = Object.entries(query).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)] as const],
      )
      const tried = {
        operation: operationId,
        params,
        query: Object.fromEntries(texts),
        ...(body !== undefined && { body }),
        ...(at !== undefined && { at: Number(at) }),
        ...(as !== undefined && { as }),
      }
      throw new Tried(await outer.call("whatIf", { token: await outer.token(""), body: tried }))
    },
  }
}

interface Trial {
  readonly operation: string
  readonly position: number
  readonly refused: { readonly code: string; readonly detail: string } | null
  readonly events: readonly { readonly type: string; readonly aggregate: string }[]
  readonly changes: Parameters<typeof changeLines>[0]
  readonly routing: readonly {
    readonly host: string
    readonly change: string
    readonly fields: Parameters<typeof fieldLines>[0]
  }[]
  readonly access: readonly {
    readonly who: string
    readonly name: string
    readonly client_id: string | null
    readonly host: string | null
    readonly reason: string
  }[]
}

function showTrial(session: Session, reply: Reply): void {
  const { operation: name, position, refused, events, changes, routing, access } = reply.body as unknown as Trial
  showText(session, reply, () => [
    `${name} on the state at position ${position}; nothing was changed`,
    ...(refused === null ? [] : [`would be refused: ${refused.code}: ${cell(refused.detail)}`]),
    ...section(
      "events",
      events.map(({ type, aggregate }) => `  ${type} ${cell(aggregate)}`),
    ),
    ...section(
      "changes",
      changeLines(changes).map((line) => `  ${line}`),
    ),
    ...section(
      "routing",
      routing.flatMap(({ host, change, fields }) => [`  ${cell(host)} ${change}`, ...fieldLines(fields, "      ")]),
    ),
    ...section(
      "would lose access",
      access
        .map(({ who, name: whose, client_id, host, reason }) => {
          const through = client_id === null ? "" : ` with ${client_id}`
          const what = host === null ? "the admin API" : host
          return `  ${who === "anyone" ? "anyone" : `${who} ${whose}`}${through}: ${what} (${reason})`
        })
        .map(cell),
    ),
  ])
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [`${title}: none`] : [`${title}:`, ...lines]
}
