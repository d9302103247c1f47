import { eventSchemas } from "../../src/api/event-schemas.ts"
import { typeOf } from "./typescript.ts"

/** Text of the client's `event-types.ts`: a type for the data of every event. */
export function eventTypes(): string {
  const schemas = eventSchemas()
  const versions = new Set(schemas.map(({ version }) => version))
  const fields = schemas.map(
    ({ type, kind, schema }) => `  /** Aggregate: ${kind}. */\n  ${type}: ${typeOf(schema, "  ")}\n`,
  )
  return [
    "// Written by `just events-client` from the schemas of Gatehouse's events; do not edit.",
    "",
    `/** Versions of the schemas that these types are of. */\nexport const schemaVersions: readonly number[] = [${[...versions].join(", ")}]`,
    "",
    `/** Data of every event by its type. */\nexport interface EventData {\n${fields.join("")}}`,
    "",
  ].join("\n")
}
