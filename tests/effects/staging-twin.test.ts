import { expect, test } from "vitest"
import { stagingTwin } from "../../src/effects/staging-twin.ts"

const production = "https://acme-v02.api.letsencrypt.org/directory"
const staging = "https://acme-staging-v02.api.letsencrypt.org/directory"
const defaults = { ACME_DIRECTORY_URL: production, ACME_STAGING_URL: staging }

test.each([
  ["production has its CA's staging directory", production, defaults, staging],
  ["staging has none", staging, defaults, undefined],
  ["a directory of one's own has none", "https://ca.corp.example/dir", defaults, undefined],
  [
    "another CA's staging directory is none",
    "https://ca.example/dir",
    { ...defaults, ACME_DIRECTORY_URL: "https://ca.example/dir" },
    undefined,
  ],
  ["the same directory twice is none", production, { ...defaults, ACME_STAGING_URL: production }, undefined],
])("%s", (_sentence, directory, config, twin) => {
  expect(stagingTwin(directory, config)).toBe(twin)
})
