import { CliFailure } from "../failure.ts"
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

/** Recipes about the whole node; `just` has recipes of its own by these names, which call these. */
export const systemRecipes: readonly Recipe[] = [health, stats]
