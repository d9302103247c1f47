import { type Recipe, argument, required } from "../recipe.ts"
import { auditHint, showAudit, showHistory } from "../audit-text.ts"
import { access } from "./access.ts"
import { events } from "./events.ts"
import { filtersOf } from "../filters.ts"
import type { Session } from "../session.ts"

const group = "audit"

/** What kinds are called elsewhere on the command line. */
const kinds: ReadonlyMap<string, string> = new Map([
  ["token", "api-token"],
  ["cert", "certificate"],
  ["oauth-client", "client"],
  ["session", "grant"],
])

const history: Recipe = {
  name: "history",
  group,
  doc: "Life of one object: every event with actor, address, command, reason, and what it changed",
  parameters: [required("kind"), required("name")],
  async run(session, args) {
    const kind = argument(args, "kind")
    const query = { kind: kinds.get(kind) ?? kind, name: argument(args, "name") }
    showHistory(session, await session.list("getHistory", "events", { token: await session.token(""), query }))
  },
}

const who: Recipe = {
  name: "who",
  group,
  doc: "Everything that one actor asked for, refused commands too, oldest first",
  parameters: [required("actor")],
  async run(session, args) {
    await showAll(session, { actor: argument(args, "actor") })
  },
}

const audit: Recipe = {
  name: "audit",
  group,
  doc: "Commands by filter=value: actor command object status code ip from to since until; none: the latest. all=true: from the first on",
  parameters: [],
  options: true,
  async run(session, _args, options) {
    const { all, ...filters } = filtersOf(options)
    if (all === "true") return showAll(session, filters)
    const query = { per_page: 100, ...filters }
    const page = session.flag("page")
    const reply = await session.call("listAudit", {
      token: await session.token(""),
      query: { ...query, ...(page !== undefined && { page }) },
    })
    showAudit(session, reply, auditHint(reply))
  },
}

/** Positions of one window: each of its pages is found anew. */
const windowSize = 500

/** Goes through the whole log, window by window; of one actor the API makes the windows. */
async function showAll(session: Session, filters: Readonly<Record<string, string>>): Promise<void> {
  const token = await session.token("")
  const entries: unknown[] = []
  const end = Number(filters["to"] ?? Number.MAX_SAFE_INTEGER)
  let from = Number(filters["from"] ?? 1)
  for (;;) {
    const window = filters["actor"] === undefined ? { to: Math.min(end, from + windowSize - 1) } : {}
    const query = { ...filters, from, ...window, order: "asc" }
    const reply = await session.list("listAudit", "entries", { token, query })
    entries.push(...(reply.body["entries"] as unknown[]))
    const { to } = reply.body["searched"] as { to: number }
    const head = Number(reply.headers.get("x-event-position") ?? 0)
    if (to < from || to >= Math.min(head, end)) break
    from = to + 1
  }
  const body = { entries }
  const { actor } = filters
  const unknown = entries.length === 0 && actor !== undefined
  showAudit(
    session,
    { body, text: JSON.stringify(body) },
    unknown ? `by ${actor}; an actor is a token's name, ADMIN, oauth:<subject> or system:<worker>` : undefined,
  )
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

/** Recipes that read the logs. */
export const auditRecipes: readonly Recipe[] = [history, who, audit, events, access, digest]
