import { CliFailure } from "../failure.ts"
import { ConfigError, configWarnings, loadConfig, variables } from "../../platform/config.ts"
import { type EffectiveVariable, effectiveVariables } from "../../platform/config-report.ts"
import type { Recipe } from "../recipe.ts"

const group = "system"

const health: Recipe = {
  name: "health",
  group,
  doc: "Show whether Gatehouse works; fails unless it is healthy",
  parameters: [],
  async run(session) {
    const reply = await session.call("getHealth", { token: await session.token("") })
    session.show(reply)
    if (reply.body["status"] !== "healthy")
      throw new CliFailure("apiError", `${String(reply.body["status"])}: see the checks`)
  },
}

const stats: Recipe = {
  name: "stats",
  group,
  doc: "Count objects by kind and status",
  parameters: [],
  async run(session) {
    session.show(await session.call("getStats", { token: await session.token("") }))
  },
}

const config: Recipe = {
  name: "config",
  group,
  doc: "Print every variable as it is in effect and where it comes from; secrets masked. Needs no running Gatehouse",
  parameters: [],
  run(session) {
    const { env, envFile } = session.terminal
    const source = ({ name, given }: EffectiveVariable) =>
      !given ? "default" : envFile?.names.has(name) === true ? envFile.file : "environment"
    try {
      const rows = effectiveVariables(env).map((known) => ({
        variable: known.name,
        value: known.value,
        source: source(known),
      }))
      session.show({ body: { variables: rows }, text: JSON.stringify({ variables: rows }) })
      for (const { variable, reason } of configWarnings(loadConfig(env)))
        session.terminal.error(`warning: ${variable}: ${reason}\n`)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      throw new CliFailure("usage", `usage: ${error.message}`)
    }
    for (const name of envFile?.names ?? [])
      if (!Object.hasOwn(variables, name))
        session.terminal.error(`warning: ${envFile!.file} sets ${name}, which is no variable of Gatehouse\n`)
    return Promise.resolve()
  },
}

/** Recipes about the whole node; `just` has recipes of its own by these names, which call these. */
export const systemRecipes: readonly Recipe[] = [health, stats, config]
