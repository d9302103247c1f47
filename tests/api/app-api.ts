import { type RunningApi, runningApi } from "./running-api.ts"
import { afterAll, beforeAll } from "vitest"

export let api: RunningApi
export let alice: string
export const tokens = "/api/v1/tokens"
export const targets = "/api/v1/proxy/targets"
export const target = { target_url: "http://93.184.216.34", enable_https: false }

/** Starts the API with an owner before the tests of a file, and stops it after. */
export function apiWithOwner(): void {
  beforeAll(async () => {
    api = await runningApi()
    alice = await api.token("alice")
  })
  afterAll(() => api.stop())
}
