import { type Schema, anyText, invalid, oddSegment, valid } from "./arbitraries.ts"
import type { Endpoint } from "../../../src/api/endpoint.ts"
import { fc } from "../../support/property.ts"
import { jsonSchema } from "../../../src/api/openapi.ts"
import { known } from "./population.ts"

/** One request, as it goes over the wire. */
export interface Request {
  readonly method: string
  readonly path: string
  readonly body: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

const none: Schema = { type: "object" }

/** Requests of one operation: those that its schemas allow, or those that they mostly do not. */
export function requests(endpoint: Endpoint, good: boolean): fc.Arbitrary<Request> {
  const schemaOf = (part: Endpoint["body"]) => (part === undefined ? none : (jsonSchema(part, "input") as Schema))
  const [query, body] = [schemaOf(endpoint.query), schemaOf(endpoint.body)]
  const named = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
  const segment = (name: string) => {
    const there = fc
      .constantFrom(...((known[name] ?? ["none"]) as string[]))
      .map((value) => encodeURIComponent(value ?? "none"))
    return good ? there : fc.oneof({ arbitrary: there, weight: 2 }, { arbitrary: oddSegment, weight: 1 })
  }
  const headers = fc.record(
    {
      "if-match": fc.constantFrom('"1"', '"7"', 'W/"1"', "*", "x"),
      "idempotency-key": fc.constantFrom("one", "two", "ü", "a".repeat(200)),
      "content-type": fc.constantFrom("application/json", "text/plain", "application/json; charset=utf-16"),
    },
    { requiredKeys: [] },
  )
  return fc
    .record({
      segments: fc.tuple(...named.map(segment)),
      query: good ? valid(query) : invalid(query),
      body: good
        ? valid(body)
        : fc.oneof({ arbitrary: invalid(body).map((value) => JSON.stringify(value)), weight: 8 }, anyText),
      headers: good
        ? fc.constant({})
        : fc.oneof({ arbitrary: fc.constant({}), weight: 3 }, { arbitrary: headers, weight: 1 }),
    })
    .map((parts) => {
      let path = endpoint.path
      for (const [index, name] of named.entries()) path = path.replace(`{${name}}`, () => parts.segments[index]!)
      const text = searchOf(parts.query)
      const takesBody = endpoint.body !== undefined
      const sent = takesBody ? (good ? JSON.stringify(parts.body) : (parts.body as string)) : undefined
      return {
        method: endpoint.method,
        path: text === "" ? path : `${path}?${text}`,
        body: sent,
        headers: parts.headers,
      }
    })
}

function searchOf(query: unknown): string {
  if (query === null || typeof query !== "object" || Array.isArray(query)) return ""
  const pairs = Object.entries(query).map(([name, value]) => [name, scalar(value)] as [string, string])
  // What waits, or never ends, would do so.
  const patient = pairs.filter(([name]) => !/^(wait|follow|timeout)$/.test(name) || known[name] === undefined)
  return new URLSearchParams(patient).toString()
}

const scalar = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 2000)
