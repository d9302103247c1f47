import { describe, expect, test } from "vitest"
import { imageAllowed } from "../../src/commands/service-image.ts"

describe("images that owners may run", () => {
  const digest = `sha256:${"a".repeat(64)}`
  test.each([
    ["nginx", ["nginx"], true],
    ["docker.io/library/nginx:1.27", ["nginx"], true],
    ["nginx:1.27", ["nginx:1.27"], true],
    ["nginx", ["nginx:latest"], true],
    ["nginx:1.26", ["nginx:1.27"], false],
    [`nginx:1.27@${digest}`, ["nginx:1.27"], false],
    [`nginx@${digest}`, [`nginx@${digest}`], true],
    ["evil/nginx", ["nginx"], false],
    ["registry.evil/nginx", ["nginx"], false],
    ["ghcr.io/acme/tool:2", ["ghcr.io/acme/*"], true],
    ["ghcr.io/acme-evil/tool", ["ghcr.io/acme/*"], false],
    ["ghcr.io/acme", ["ghcr.io/acme/*"], false],
    ["acme/tool", ["acme/*"], true],
    ["nginx", [], false],
    ["nginx", ["*"], false],
  ])("%s of %j: %s", (image, allowed, answer) => {
    expect(imageAllowed(image, allowed)).toBe(answer)
  })
})
