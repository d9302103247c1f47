import { type AccessLine, accessHint, accessLine } from "../access-text.ts"
import type { Input, Reply } from "../client.ts"
import { type Recipe, argument, named } from "../recipe.ts"
import { CliFailure } from "../failure.ts"
import type { Session } from "../session.ts"
import { filtersOf } from "../filters.ts"
import { followStream } from "../follow-stream.ts"
import { showText } from "../log-text.ts"

const usual = 100
const mostPerPage = 100

/** The access log: its newest requests, or what comes from now on. */
export const access: Recipe = {
  name: "access",
  group: "audit",
  doc: "Requests of the public listeners, newest first, by filter=value: proxy host status (502, 5xx) client method path subject client_id grant_id reason request_id since until from to; limit=N, token=",
  parameters: [named("follow")],
  options: true,
  async run(session, args, options) {
    const { limit = "", token: whose = "", ...query } = filtersOf(options)
    if (!/^\d*$/.test(limit)) throw new CliFailure("usage", "usage: limit is a number of requests")
    const input = { query, token: await session.token(whose) }
    if (argument(args, "follow") === "true") {
      const most = limit === "" ? Number.POSITIVE_INFINITY : Number(limit)
      return followStream(session, "streamAccess", input, most, (data) =>
        session.terminal.write(
          session.format === "json" ? `${data}\n` : `${accessLine(JSON.parse(data) as AccessLine)}\n`,
        ),
      )
    }
    const page = session.flag("page")
    const reply =
      page === undefined
        ? await newest(session, input, limit === "" ? usual : Number(limit))
        : await session.call("listAccess", { ...input, query: { ...query, page, per_page: session.flag("per-page") } })
    const { requests } = reply.body as unknown as { requests: readonly AccessLine[] }
    showText(session, reply, () => [
      ...(requests.length === 0 ? ["nothing"] : requests.map(accessLine)),
      ...accessHint(reply),
    ])
  },
}

interface Found {
  readonly requests: readonly AccessLine[]
  readonly pagination: { readonly total: number }
  readonly searched: { readonly from: number; readonly to: number }
}

/** The newest that pass the filters, from as many searches as it takes; each begins below what was seen, whatever comes meanwhile. */
async function newest(session: Session, { query, token }: Input, most: number): Promise<Pick<Reply, "body" | "text">> {
  const requests: AccessLine[] = []
  let to = query?.["to"]
  let from: number | undefined
  while (requests.length < most) {
    const per_page = Math.min(mostPerPage, most - requests.length)
    const { body } = await session.call("listAccess", { token, query: { ...query, per_page, to } })
    const found = body as unknown as Found
    requests.push(...found.requests)
    const rest = found.pagination.total > found.requests.length
    from = rest ? found.requests.at(-1)!.number : found.searched.from
    if (found.searched.to < found.searched.from || from <= 1) break
    to = from - 1
  }
  const body = { requests, ...(from !== undefined && { searched: { from } }) }
  return { body, text: JSON.stringify(body) }
}
