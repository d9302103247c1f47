import { bindParameters, parseArguments } from "./arguments.ts"
import { runOperation, switches } from "./run-operation.ts"
import { type Session, type Terminal, session } from "./session.ts"
import { trials } from "./trials.ts"
import { CliFailure } from "./failure.ts"
import type { Recipe } from "./recipe.ts"
import { operation } from "./client.ts"
import { showTrial } from "./what-if-text.ts"

/** Stands between two recipes or operations. */
const separator = "then"

/**
 * Runs recipes or operations, and tries their changes instead of making them: each on what the one before has left.
 * @throws CliFailure usage, apiError
 */
export async function whatIf(argv: readonly string[], terminal: Terminal, recipes: readonly Recipe[]): Promise<void> {
  const parts = inRow(argv, recipes).map((words) => ({ words, ...partOf(words, recipes) }))
  const flags = new Map(parts.flatMap((part) => [...part.flags]))
  const at = flags.get("at")
  if (at !== undefined && !/^\d+$/.test(at)) throw new CliFailure("usage", "usage: --at is a position")
  const outer = session(terminal, flags)
  const tried = trials(outer, at)
  const notes: string[] = []
  for (const part of parts) {
    const before = tried.changes
    try {
      await part.run(tried.session(part.flags))
    } catch (error) {
      const { how, why } = tried.ended(error)
      if (why !== undefined) notes.push(`${part.words[0]}: ${why}`)
      if (how === "stops") break
    }
    if (tried.changes === before) throw new CliFailure("usage", `usage: ${part.words[0]} changes nothing`)
  }
  showTrial(outer, tried.last()!, notes)
}

/** Words of each recipe or operation. The separator is one only before a name of either. */
function inRow(argv: readonly string[], recipes: readonly Recipe[]): string[][] {
  const parts: string[][] = [[]]
  for (const [index, word] of argv.entries()) {
    const next = argv[index + 1]
    const named = next !== undefined && (recipes.some(({ name }) => name === next) || operation(next) !== undefined)
    if (word === separator && named && parts.at(-1)!.length > 0) parts.push([])
    else parts.at(-1)!.push(word)
  }
  return parts
}

interface Part {
  readonly flags: ReadonlyMap<string, string>
  readonly run: (trying: Session) => Promise<void>
}

/** @throws CliFailure usage */
function partOf([name = "", ...rest]: readonly string[], recipes: readonly Recipe[]): Part {
  const recipe = recipes.find((known) => known.name === name)
  const endpoint = operation(name)
  if (recipe?.unparsed !== undefined || (recipe === undefined && endpoint === undefined))
    throw new CliFailure("usage", `usage: there is no recipe and no operation ${name} that can be tried`)
  const own = (recipe?.parameters ?? []).filter(({ boolean }) => boolean === true).map((parameter) => parameter.name)
  const { positionals, flags } = parseArguments(rest, new Set([...switches, ...own]))
  const left = new Map([...flags].filter(([flag]) => flag !== "at" && flag !== "as"))
  if (recipe === undefined) return { flags, run: (trying) => runOperation(endpoint!, trying, left) }
  const options: string[] = []
  const args = bindParameters({ positionals, flags: left }, recipe.parameters, recipe.options && options)
  return { flags, run: (trying) => recipe.run(trying, args, options) }
}
