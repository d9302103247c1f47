// Writes .env.example from the variables in src/platform/config.ts: node scripts/env-example.ts
import { writeFileSync } from "node:fs"
import { environmentExample } from "./stack/environment-example.ts"

writeFileSync(".env.example", environmentExample())
