import { type RunningApi, runningApi } from "../api/running-api.ts"
import { afterAll, beforeAll } from "vitest"
import { commandLine } from "./running-cli.ts"

export let api: RunningApi
export let cli: ReturnType<typeof commandLine>
export let alice: string
export const target = "http://93.184.216.34:3000"

/** Starts the API with an owner before the tests of a file, and stops it after. */
export function cliWithOwner(): void {
  beforeAll(async () => {
    api = await runningApi()
    cli = commandLine(api)
    alice = await api.token("alice")
  })
  afterAll(() => api.stop())
}
