import { type Recipe, argument, optional, required } from "../recipe.ts"
import { listing } from "./listing.ts"
import { showRebuilt } from "../log-text.ts"
import { showUndo } from "../undo-text.ts"
import { whatIf } from "../what-if.ts"

const group = "log"

const undo: Recipe = {
  name: "undo",
  group,
  doc: "Take back what the command at a position did, by further commands; shows them and asks first",
  parameters: [required("position")],
  async run(session, args) {
    const call = { token: await session.token(""), params: { position: argument(args, "position") } }
    const proposed = await session.call("undoChange", { ...call, query: { dry_run: true } })
    const { steps, errors } = proposed.body as { steps: unknown[]; errors: unknown[] }
    if (steps.length === 0 || errors.length > 0) return showUndo(session, proposed)
    if (session.format === "table" && !session.on("yes")) showUndo(session, proposed)
    await session.confirm(`${steps.length === 1 ? "This" : "These"} will be done.`)
    showUndo(session, await session.call("undoChange", { ...call, query: { dry_run: false } }))
  },
}

const whatif: Recipe = {
  name: "whatif",
  group,
  doc: "Try recipes or operations without doing them: just whatif proxy-delete a.example.com ADMIN then token-delete alice --at 120",
  parameters: [required("operation")],
  options: true,
  unparsed: whatIf,
  run: async () => {},
}

const deadLetters = listing({
  name: "deadletters",
  group,
  doc: "What could not be decided or dealt with",
  operationId: "listDeadLetters",
  collection: "deadletters",
})

const retry: Recipe = {
  name: "deadletter-retry",
  group,
  doc: "Put a dead letter back to work",
  parameters: [required("letter")],
  async run(session, args) {
    const params = { letter: argument(args, "letter") }
    session.show(await session.call("retryDeadLetter", { token: await session.token(""), params }))
  },
}

const rebuild: Recipe = {
  name: "rebuild-projection",
  group,
  doc: "Fold the log anew on this node and compare; just rebuild world is the same",
  parameters: [optional("projection", "world")],
  async run(session, args) {
    const body = { projection: argument(args, "projection") }
    showRebuilt(session, await session.call("rebuildProjection", { token: await session.token(""), body }))
  },
}

/** Recipes that try, take back and mend. */
export const logChangeRecipes: readonly Recipe[] = [whatif, undo, deadLetters, retry, rebuild]
