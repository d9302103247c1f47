import * as z from "zod"
import { type Endpoint, endpoint } from "../endpoint.ts"
import { csv, table } from "../rows.ts"
import type { Row } from "../rows.ts"
import { listColumns } from "../list-columns.ts"
import { accessEndpoints } from "./access.ts"
import { proxyEndpoints } from "./proxies.ts"
import { routeEndpoints } from "./routes.ts"
import { tokenEndpoints } from "./tokens.ts"

const Format = z.enum(["table", "json", "csv"]).default("table")

/** The same rows as a list's endpoint, as text. @param collection name of its rows */
function formatted(list: Endpoint, collection: string): Endpoint {
  return endpoint({
    method: "GET",
    path: `${list.path}/formatted`,
    operationId: `${list.operationId}Formatted`,
    tag: list.tag,
    summary: `${list.summary} As a table, CSV or JSON.`,
    who: list.who,
    query: list.query!.extend({ format: Format }),
    status: 200,
    response: z.union([z.string(), list.response]),
    contentTypes: ["text/plain", "text/csv", "application/json"],
    async handler(call) {
      const answer = await list.handler(call)
      const rows = (answer.body as Record<string, Row[]>)[collection]!
      if (call.query.format === "csv")
        return { text: csv(rows), headers: { "content-type": "text/csv; charset=utf-8" } }
      if (call.query.format === "table")
        return {
          text: table(rows, listColumns(collection, rows)),
          headers: { "content-type": "text/plain; charset=utf-8" },
        }
      return answer
    },
  })
}

const byId = (endpoints: readonly Endpoint[], id: string) => endpoints.find(({ operationId }) => operationId === id)!

/** Lists as text. */
export const formattedEndpoints = [
  formatted(byId(tokenEndpoints, "listTokens"), "tokens"),
  formatted(byId(proxyEndpoints, "listProxies"), "targets"),
  formatted(byId(routeEndpoints, "listRoutes"), "routes"),
  formatted(byId(accessEndpoints, "listAccess"), "requests"),
]
