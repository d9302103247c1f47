import { canonicalImage, imageAllowed, parseImage } from "../../src/commands/service-image.ts"
import { describe, expect, test } from "vitest"

const digest = `sha256:${"a".repeat(64)}`
const id = "b".repeat(64)

describe("one image under many spellings", () => {
  test.each([
    ["nginx", "docker.io/library/nginx:latest"],
    ["library/nginx", "docker.io/library/nginx:latest"],
    ["docker.io/nginx", "docker.io/library/nginx:latest"],
    ["index.docker.io/library/nginx:1", "docker.io/library/nginx:1"],
    ["acme/tool", "docker.io/acme/tool:latest"],
    ["index.docker.io/acme/tool", "docker.io/acme/tool:latest"],
    ["localhost/tool", "localhost/tool:latest"],
    ["localhost:5000/a/b:2", "localhost:5000/a/b:2"],
    ["ghcr.io/acme/tool", "ghcr.io/acme/tool:latest"],
    [`nginx:1@${digest}`, `docker.io/library/nginx@${digest}`],
    // Beginnings of image ids are names like any other.
    ["deadbeef", "docker.io/library/deadbeef:latest"],
  ])("%s is %s", (text, canonical) => {
    expect(canonicalImage(text)).toBe(canonical)
  })

  test.each([
    id,
    `${id}:latest`,
    digest,
    `nginx@${digest}x`,
    "nginx@sha256:short",
    "Nginx",
    "a//b",
    "-x",
    "a b",
    "nginx:",
    "http://x/y",
    "../x",
    "x:1:2",
    "x\n",
  ])("%j is none", (text) => {
    expect(parseImage(text)).toBeUndefined()
    expect(imageAllowed(text, [text, "library/*", "docker.io/*"])).toBe(false)
  })
})

describe("a list of allowed images", () => {
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
    ["docker.io/nginx", ["nginx"], true],
    ["index.docker.io/library/nginx", ["nginx"], true],
    ["nginx", ["index.docker.io/library/nginx"], true],
    ["REGISTRY.example/nginx", ["registry.example/nginx"], false],
    ["registry.example:443/nginx", ["registry.example/nginx"], false],
    ["registry.example/nginx", ["nginx", "library/*", "docker.io/*"], false],
    ["docker.io.evil.example/library/nginx", ["nginx", "docker.io/*"], false],
    ["nginx", ["library/*"], true],
    ["acme/nginx", ["library/*"], false],
    ["acme/nginx", ["docker.io/*"], true],
    ["acme-evil/nginx", ["acme/*"], false],
    ["acme/a/b", ["acme/*"], true],
    [`acme/tool:1@${digest}`, ["acme/tool:1"], false],
    [`acme/tool:2@${digest}`, [`acme/tool:1@${digest}`], true],
    [`acme/tool:1`, [`acme/tool:1@${digest}`], false],
    ["nginx", ["", "/*", "nginx;", "*"], false],
  ])("%s of %j: %s", (image, allowed, answer) => {
    expect(imageAllowed(image, allowed)).toBe(answer)
  })
})
