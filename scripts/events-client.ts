// Writes the types of the client package from the events' schemas: node scripts/events-client.ts
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { eventTypes } from "./events-client/event-types.ts"

writeFileSync(join(import.meta.dirname, "../clients/gatehouse-events/src/event-types.ts"), eventTypes())
