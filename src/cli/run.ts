import { bindParameters, parseArguments } from "./arguments.ts"
import { commonFlags, runOperation, switches } from "./run-operation.ts"
import { operationHelp, overview, recipeHelp } from "./help.ts"
import { CliFailure, exitCodes } from "./failure.ts"
import type { Recipe } from "./recipe.ts"
import { type Terminal, session } from "./session.ts"
import { asyncApiDocument } from "../api/asyncapi.ts"
import { eventsVersion } from "../api/endpoints/event-schemas.ts"
import { apiVersion, endpoints } from "../api/endpoint-table.ts"
import { manageJust } from "./justfile.ts"
import { openApiDocument } from "../api/openapi.ts"
import { operation } from "./client.ts"
import { printable } from "../api/rows.ts"
import { recipes } from "./recipe-table.ts"

/** Runs one command line. @returns the exit code */
export async function run(argv: readonly string[], given: Terminal): Promise<number> {
  const terminal = guarded(given)
  try {
    await dispatch(argv, terminal)
    return exitCodes.done
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error
    terminal.error(`${error.message}\n`)
    return error.exitCode
  }
}

/** Errors and questions repeat what others wrote: names, and what backends and builds say. */
function guarded(terminal: Terminal): Terminal {
  return {
    ...terminal,
    error: (text) => terminal.error(printable(text)),
    ask: (question) => terminal.ask(printable(question)),
  }
}

async function dispatch([name, ...rest]: readonly string[], terminal: Terminal): Promise<void> {
  if (name === undefined || name === "--help" || name === "help") return terminal.write(overview(recipes, endpoints))
  if (name === "openapi")
    return terminal.write(`${JSON.stringify(openApiDocument(endpoints, apiVersion), undefined, 2)}\n`)
  if (name === "asyncapi") return terminal.write(`${JSON.stringify(asyncApiDocument(eventsVersion), undefined, 2)}\n`)
  if (name === "recipes") return terminal.write(manageJust(recipes))
  const recipe = recipes.find((known) => known.name === name)
  if (recipe !== undefined) return runRecipe(recipe, rest, terminal)
  const endpoint = operation(name)
  if (endpoint === undefined) throw new CliFailure("usage", `usage: there is no ${name}; see --help`)
  const { positionals, flags } = parseArguments(rest, switches)
  if (flags.has("help")) return terminal.write(operationHelp(endpoint))
  if (positionals.length > 0) throw new CliFailure("usage", `usage: ${name} takes flags only; see ${name} --help`)
  return runOperation(endpoint, session(terminal, flags), flags)
}

/** `force=true` is the flag where a recipe that asks has no argument of that name. */
function named(argv: readonly string[], { parameters, options }: Recipe): readonly string[] {
  if (options === true || parameters.some(({ name }) => name === "force")) return argv
  return argv.map((word) => (/^force=(true|false|1|0|yes|no)$/i.test(word) ? `--${word}` : word))
}

async function runRecipe(recipe: Recipe, rest: readonly string[], terminal: Terminal): Promise<void> {
  if (recipe.unparsed !== undefined && rest.length > 0 && rest[0] !== "--help")
    return recipe.unparsed(rest, terminal, recipes)
  const own = recipe.parameters.filter((parameter) => parameter.boolean === true).map((parameter) => parameter.name)
  const given = parseArguments(named(rest, recipe), new Set([...switches, ...own]))
  if (given.flags.has("help")) return terminal.write(recipeHelp(recipe))
  const known = new Set([...commonFlags, ...recipe.parameters.map((parameter) => parameter.name)])
  const unknown = [...given.flags.keys()].find((flag) => !known.has(flag))
  if (unknown !== undefined) throw new CliFailure("usage", `usage: ${recipe.name} has no --${unknown}; see --help`)
  const options: string[] = []
  const args = bindParameters(given, recipe.parameters, recipe.options && options)
  await recipe.run(session(terminal, given.flags), args, options)
}
