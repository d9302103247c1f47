import * as z from "zod"
import { type Kind, aggregates, schemaVersion } from "../events/event.ts"

type Json = Record<string, unknown>

/** What an event type is, for those who read events. */
export interface EventSchema {
  readonly type: string
  /** Kind of the aggregate. */
  readonly kind: Kind
  /** Version of the schema that is written. */
  readonly version: number
  /** JSON Schema (2020-12) of the event's data. */
  readonly schema: Json
}

/** Every event type that this build writes, in the order of kinds. */
export function eventSchemas(): readonly EventSchema[] {
  return Object.entries(aggregates).flatMap(([kind, { events }]) =>
    Object.entries(events).map(([type, schema]) => ({
      type,
      kind: kind as Kind,
      version: schemaVersion,
      schema: dataSchema(schema),
    })),
  )
}

/** JSON Schema of what stands in the log. */
function dataSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "output",
    unrepresentable: "any",
    // What a transformation gives has no schema of its own; it is of the same JSON type as what it takes.
    override({ zodSchema, jsonSchema }) {
      if (!(zodSchema instanceof z.ZodPipe && zodSchema.out instanceof z.ZodTransform)) return
      const { $schema: __, ...input } = z.toJSONSchema(zodSchema.in, { io: "input", unrepresentable: "any" })
      Object.assign(jsonSchema, input)
    },
  }) as Json
  return rest
}
