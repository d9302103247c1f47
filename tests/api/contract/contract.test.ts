import type * as z from "zod"
import { describe, expect, test } from "vitest"
import { contract } from "./contract.ts"
import { jsonSchema } from "../../../src/api/openapi.ts"
import { endpoints } from "../../../src/api/endpoint-table.ts"

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Schema>>
  readonly default?: unknown
}

const who = { A: "admin", O: "owner", T: "any", P: "public" } as const

function schemaOf(schema: z.ZodType | undefined, io: "input" | "output"): Schema {
  return schema === undefined ? {} : jsonSchema(schema, io)
}

/** Every shape that a value may have: of a list, its items'. */
function shapes(schema: Schema, root: Schema): Schema[] {
  const target = schema.$ref === undefined ? schema : root.$defs![schema.$ref.split("/").at(-1)!]!
  const inner = [...(target.anyOf ?? []), ...(target.oneOf ?? []), ...(target.allOf ?? [])]
  return [target, ...inner, ...(target.items === undefined ? [] : [target.items])].flatMap((one) =>
    one === target ? [target] : shapes(one, root),
  )
}

function fields(schema: Schema, root: Schema): Readonly<Record<string, Schema>> {
  return Object.assign({}, ...shapes(schema, root).map(({ properties = {} }) => properties)) as Record<string, Schema>
}

function has(schema: Schema, dotted: string): boolean {
  let at: Schema | undefined = schema
  for (const name of dotted.split(".")) at = at && fields(at, schema)[name]
  return at !== undefined
}

describe("the contract", () => {
  test.each(contract.map((line) => [line.entry, line] as const))("of %s", (entry, line) => {
    const endpoint = endpoints.find(({ method, path }) => `${method} ${path}` === entry)
    if (endpoint === undefined) throw new Error(`${entry} is no endpoint`)
    expect([endpoint.who, endpoint.status]).toEqual([who[line.who as keyof typeof who], line.status])
    const asked = {
      ...fields(schemaOf(endpoint.body, "input"), schemaOf(endpoint.body, "input")),
      ...fields(schemaOf(endpoint.query, "input"), schemaOf(endpoint.query, "input")),
    }
    for (const word of line.asked) {
      const [, name = "", fallback] = /^(\w+)(?:\?|=(.*))$/.exec(word) ?? []
      expect(asked, word).toHaveProperty(name)
      if (fallback === undefined) continue
      // What is said, and for a query what is so.
      const value = asked[name]!.default
      const nothing = endpoint.query?.safeParse({})
      if (nothing?.success === true && name in nothing.data) expect(nothing.data[name], word).toEqual(value)
      expect(typeof value === "string" && value !== "" ? value : JSON.stringify(value), word).toBe(fallback)
    }
    const response = schemaOf(endpoint.response, "output")
    expect(line.answered.filter((field) => !has(response, field))).toEqual([])
    expect(line.errors.filter((code) => !(endpoint.errors ?? []).includes(code as never))).toEqual([])
  })

  test("names endpoints once each", () => {
    expect(new Set(contract.map(({ entry }) => entry)).size).toBe(contract.length)
  })
})
