import { type Recipe, argument, required } from "../recipe.ts"
import { CliFailure } from "../failure.ts"
import { events } from "./events.ts"

const group = "audit"

const history: Recipe = {
  name: "history",
  group,
  doc: "Life of one object: every event with actor, address and command",
  parameters: [required("kind"), required("name")],
  async run(session, args) {
    const aggregate = `${argument(args, "kind")}/${argument(args, "name").toLowerCase()}`
    session.show(
      await session.list("listEvents", "events", {
        token: await session.token(""),
        query: { aggregate, order: "asc" },
      }),
    )
  },
}

const who: Recipe = {
  name: "who",
  group,
  doc: "Everything that one actor did",
  parameters: [required("actor")],
  async run(session, args) {
    const query = { actor: argument(args, "actor"), order: "asc" }
    session.show(await session.list("listEvents", "events", { token: await session.token(""), query }))
  },
}

const audit: Recipe = {
  name: "audit",
  group,
  doc: "Events by filter=value: type aggregate actor command_id from to since until; none: the latest",
  parameters: [],
  options: true,
  async run(session, _args, options) {
    const filters = options.filter((option) => option !== "").map(pair)
    const token = await session.token("")
    const query = { per_page: 100, ...Object.fromEntries(filters) }
    session.show(await session.call("listEvents", { token, query }))
  },
}

function pair(text: string): [string, string] {
  const [name = "", ...value] = text.split("=")
  if (value.length === 0) throw new CliFailure("usage", `${text} is not filter=value`)
  return [name, value.join("=")]
}

const digest: Recipe = {
  name: "digest",
  group,
  doc: "SHA-256 of the state, per kind: equal on every node and after every replay",
  parameters: [],
  async run(session) {
    session.show(await session.call("getDigest", { token: await session.token("") }))
  },
}

/** Recipes that read the log. */
export const auditRecipes: readonly Recipe[] = [history, who, audit, events, digest]
