import * as z from "zod"
import { describe, expect, it } from "vitest"
import { complaint } from "../../src/commands/complaint.ts"
import { endpoints } from "../../src/api/endpoint-table.ts"

const said = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value, { error: complaint }).error!.issues.map(({ message }) => message)

describe("a value that is not acceptable", () => {
  it.each([
    [z.string(), undefined, "is required"],
    [z.string(), 1, "must be a text"],
    [z.int(), 1.5, "must be a whole number"],
    [z.int().min(5), 1, "must be at least 5"],
    [z.int().max(5), 6, "must be at most 5"],
    [z.number().gt(0), 0, "must be more than 0"],
    [z.boolean(), "yes", "must be true or false"],
    [z.stringbool(), "maybe", "must be true or false"],
    [z.array(z.string()), 1, "must be a list"],
    [z.array(z.string()).min(1), [], "must not be empty"],
    [z.array(z.string()).max(1), ["a", "b"], "must have at most 1 entry"],
    [z.string().max(3), "abcd", "must have at most 3 characters"],
    [z.enum(["a", "b", "c"]), "d", "must be a, b or c"],
    [z.literal(true), false, "must be true"],
    [z.email(), "x", "must be an e-mail address such as name@example.com"],
    [z.union([z.string(), z.int()]), true, "must be a text or a number"],
    [z.union([z.string(), z.int().min(1)]), 0, "must be at least 1"],
    [z.object({}), [], "must be an object"],
    [z.string().regex(/^a/, "must begin with a"), "b", "must begin with a"],
  ])("is told what it must be: %#", (schema, value, message) => {
    expect(said(schema, value)).toEqual([message])
  })

  it("is never told in the words of the library, whichever field it is", () => {
    const strange: string[] = []
    const wrong = [undefined, 1, -1, 1e9, 0.5, "", "?", "x".repeat(9000), true, [], [1], {}, { x: 1 }, null]
    for (const { operationId, body, query } of endpoints)
      for (const [name, field] of Object.entries({ ...query?.shape, ...(body as z.ZodObject | undefined)?.shape }))
        for (const value of wrong) {
          const { error } = (field as z.ZodType).safeParse(value, { error: complaint })
          for (const { message, code } of error?.issues ?? [])
            if (code !== "unrecognized_keys" && /Invalid|expected|>=|<=|received/.test(message))
              strange.push(`${operationId} ${name}: ${message}`)
        }
    expect([...new Set(strange)]).toEqual([])
  })
})
