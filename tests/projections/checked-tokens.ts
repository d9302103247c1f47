import { type TestKey, addGrant, addKey, goodClaims, instant } from "../support/access-tokens.ts"
import { beforeAll, beforeEach } from "vitest"
import { type World, emptyWorld, fork } from "../../src/events/world.ts"
import { accessTokens } from "../../src/projections/access-token.ts"

export const issuer = "https://auth.example.com"
const keyed = emptyWorld()
export let rsa: TestKey
export let ec: TestKey
export let ed: TestKey
export let world: World
export const clock = { seconds: instant }
export const tokens = accessTokens({ world: () => world, now: () => clock.seconds * 1000 })

export const reason = (token: string, from = issuer) => {
  const checked = tokens.verify(token, from)
  return checked.ok ? "ok" : checked.reason
}

export const without = (name: string) =>
  Object.fromEntries(Object.entries(goodClaims).filter(([claim]) => claim !== name))

/** Gives each test of a file a world of its own with a key of each algorithm and a grant. */
export function freshWorld(): void {
  beforeAll(async () => {
    rsa = await addKey(keyed, "RS256")
    ec = await addKey(keyed, "ES256")
    ed = await addKey(keyed, "EdDSA")
    addGrant(keyed)
  })
  beforeEach(() => {
    world = fork(keyed)
    clock.seconds = instant
  })
}
