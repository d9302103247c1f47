import * as z from "zod"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { describe, expect, test } from "vitest"
import { listColumns } from "../../src/api/list-columns.ts"
import { csv, table } from "../../src/api/rows.ts"

/** Every list of the API, with the field that tells one of its rows from another. */
const firsts: Record<string, string> = {
  tokens: "name jti",
  certificates: "cert_name",
  targets: "hostname",
  proxies: "hostname",
  routes: "route_id",
  instances: "name",
  resources: "uri",
  services: "service_name",
  clients: "client_id",
  sessions: "session_id",
  keys: "kid",
  events: "position",
  entries: "at",
  requests: "number at",
  schemas: "type",
  webhooks: "name",
  objects: "kind",
  changes: "kind",
  deadletters: "letter",
}
const lists = endpoints.flatMap(({ operationId, response }) =>
  listsOf(response).map((list) => [operationId, ...list] as const),
)

function listsOf(response: z.ZodType): [collection: string, item: Record<string, unknown>][] {
  if (!(response instanceof z.ZodObject)) return []
  const shape = response.shape as Record<string, z.ZodType>
  if (!("pagination" in shape) && Object.keys(shape).length > 1) return []
  return Object.entries(shape).flatMap(([name, list]) =>
    list instanceof z.ZodArray && list.element instanceof z.ZodObject
      ? [[name, list.element.shape as Record<string, unknown>] as [string, Record<string, unknown>]]
      : [],
  )
}

const rows = [
  { name: "a", note: 'say "hi", you', count: 1 },
  { name: "=1+1", note: null, list: ["x", "y"] },
]

describe("rows as text", () => {
  test("as a table show the columns that people look for", () => {
    expect(table(rows, ["count", "name"])).toBe("COUNT  NAME\n1      a\n-      =1+1\n")
    expect(listColumns("things", [{ other: true }])).toEqual(["other"])
    expect(table([], [])).toBe("")
  })

  test.each(lists)("of %s begin with what tells one of %s from another", (_, collection, item) => {
    const shown = listColumns(collection, [item])
    expect(firsts[collection]?.split(" ")).toContain(shown[0])
  })

  test("as CSV show every field, quoted where needed, and no formula", () => {
    expect(csv(rows)).toBe('name,note,count,list\r\na,"say ""hi"", you",1,\r\n\'=1+1,,,"x, y"\r\n')
    expect(csv([{ n: -1, text: "-1", at: "@x", line: "a\r\nb" }])).toBe("n,text,at,line\r\n-1,'-1,'@x,a??b\r\n")
    expect(csv([])).toBe("")
  })
})
