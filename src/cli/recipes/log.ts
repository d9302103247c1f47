import { type Recipe, argument, choice, optional, required } from "../recipe.ts"
import { CliFailure } from "../failure.ts"
import { showArchive, showChanges, showReplay, showStats, showVerification } from "../log-text.ts"

const group = "log"

const replay: Recipe = {
  name: "replay",
  group,
  doc: "State at a position or an instant (2026-01-31T14:03:00Z), folded anew from the log; --diff compares it with now",
  parameters: [required("to"), choice("diff", false), optional("kind"), optional("name")],
  async run(session, args) {
    const token = await session.token("")
    const given = { kind: argument(args, "kind"), name: argument(args, "name") }
    const filters = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""))
    const when = argument(args, "to")
    if (argument(args, "diff") === "true") {
      const reply = await session.list("compareLog", "changes", { token, query: { from: when, ...filters } })
      return showChanges(session, reply)
    }
    const reply = await session.list("replayLog", "objects", { token, query: { to: when, ...filters } })
    showReplay(session, reply, given.name !== "")
  },
}

const verify: Recipe = {
  name: "verify-log",
  group,
  doc: "Check the whole log and name the first bad position; fails when there is one",
  parameters: [],
  async run(session) {
    const reply = await session.call("verifyLog", { token: await session.token("") })
    showVerification(session, reply)
    const { problem } = reply.body as { problem: { code: string; detail: string } | null }
    if (problem !== null) throw new CliFailure("apiError", `${problem.code}: ${problem.detail}`)
  },
}

const stats: Recipe = {
  name: "log-stats",
  group,
  doc: "How large the log is, what Redis holds, and who reads it",
  parameters: [],
  async run(session) {
    showStats(session, await session.call("getLogStats", { token: await session.token("") }))
  },
}

const archive: Recipe = {
  name: "archive",
  group,
  doc: "Move the beginning of the log into compressed segments; the newest events stay in Redis",
  parameters: [optional("keep", "10000"), optional("segment", "10000")],
  async run(session, args) {
    const body = { keep: Number(argument(args, "keep")), segment: Number(argument(args, "segment")) }
    showArchive(session, await session.call("archiveLog", { token: await session.token(""), body }))
  },
}

const checkpoint: Recipe = {
  name: "log-checkpoint",
  group,
  doc: "Sign the log as it is now",
  parameters: [],
  async run(session) {
    session.show(await session.call("signCheckpoint", { token: await session.token("") }))
  },
}

/** Recipes about the log as a whole. */
export const logRecipes: readonly Recipe[] = [replay, verify, stats, archive, checkpoint]
