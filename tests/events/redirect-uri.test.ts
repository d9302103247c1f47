import { describe, expect, it } from "vitest"
import {
  formActionSource,
  matchesRedirectUri,
  redirectHost,
  redirectUrisProblem,
} from "../../src/events/redirect-uri.ts"

describe("redirect URIs that may be registered", () => {
  it.each([
    "https://client.example/cb",
    "https://client.example:8443/cb?x=1",
    "https://client.example",
    "https://[2001:db8::1]/cb",
    "http://localhost:3000/cb",
    "http://127.0.0.1/cb",
    "http://[::1]:1/cb",
    "com.example.app:/cb",
    "com.example.app://host/cb",
    "cursor://anysphere.cursor-retrieval/oauth/callback",
    "vscode://vscode.github-authentication/did-authenticate",
  ])("%s", (uri) => {
    expect(redirectUrisProblem([uri], undefined)).toBeUndefined()
  })
})

describe("redirect URIs that may not", () => {
  it.each([
    "",
    "/cb",
    "client.example/cb",
    "http://client.example/cb",
    "http://127.0.0.2/cb",
    "http://0.0.0.0/cb",
    "http://localhost.evil.example/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://localhost@evil.example/cb",
    "http://127.0.0.1:80@evil.example/cb",
    "https://user@client.example/cb",
    "https://user:secret@client.example/cb",
    "https://@client.example/cb",
    "https://client.example/cb#fragment",
    "https://client.example/cb#",
    "https://*.example/cb",
    "https://client.example/*",
    "https://client.example\\@evil.example/",
    "https:\\\\client.example/cb",
    "https:client.example/cb",
    "https:/client.example/cb",
    "https:///client.example/cb",
    "https://client.example/ cb",
    " https://client.example/cb",
    "https://client.example/\ncb",
    "https://client.example/\u00e9",
    "https://a;default-src.example/",
    "https://client.example/cb?code=1",
    "https://client.example/cb?iss=https://evil.example",
    "https://client.example/cb?error=x",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "blob:https://client.example/x",
    "about:blank",
    "ftp://client.example/cb",
    "ws://client.example/cb",
    "myapp:/cb",
    "urn:ietf:wg:oauth:2.0:oob",
    `https://client.example/${"x".repeat(2048)}`,
  ])("%s", (uri) => {
    expect(redirectUrisProblem([uri], undefined)).toBeTypeOf("string")
  })

  it("loopback and private schemes of web clients", () => {
    for (const uri of ["http://localhost/cb", "http://127.0.0.1:1/cb", "com.example.app:/cb", "cursor://x/cb"]) {
      expect(redirectUrisProblem([uri], "web"), uri).toBeTypeOf("string")
      expect(redirectUrisProblem([uri], "native"), uri).toBeUndefined()
    }
  })
})

describe("a presented redirect URI", () => {
  it("must equal the registered one, but for the port of a loopback address", () => {
    expect(matchesRedirectUri("https://a.example/cb", "https://a.example/cb")).toBe(true)
    expect(matchesRedirectUri("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb")).toBe(true)
    expect(matchesRedirectUri("http://127.0.0.1:1/cb?a=1", "http://127.0.0.1/cb?a=1")).toBe(true)
    for (const [registered, presented] of [
      ["https://a.example/cb", "https://a.example/cb/"],
      ["https://a.example/cb", "https://a.example:443/cb"],
      ["https://a.example/cb", "HTTPS://a.example/cb"],
      ["http://127.0.0.1/cb", "http://localhost/cb"],
      ["http://127.0.0.1/cb", "https://127.0.0.1:1/cb"],
      ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb#x\n"],
      ["http://127.0.0.1/cb", "http://127.0.0.1:99999/cb"],
      ["http://127.0.0.1/cb", "http://127.0.0.1:1/CB"],
      ["http://127.0.0.1", "http://127.0.0.1:1@evil.example"],
      ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb?x=1"],
      ["https://localhost/cb", "https://localhost:1/cb"],
    ] as const)
      expect(matchesRedirectUri(registered, presented), presented).toBe(false)
  })

  it("is shown by the host that gets the answer", () => {
    expect(redirectHost("https://a.example:8443/cb")).toBe("a.example:8443")
    expect(redirectHost("http://127.0.0.1:5000/cb")).toBe("127.0.0.1:5000")
    expect(redirectHost("com.example.app:/cb")).toBe("com.example.app:")
    expect(redirectHost("cursor://host/cb")).toBe("cursor://host")
  })

  it("gives a CSP source without anything that CSP would read otherwise", () => {
    expect(formActionSource("https://a.example:8443/cb?x=;")).toBe("https://a.example:8443")
    expect(formActionSource("http://[::1]:1/cb")).toBe("http:")
    expect(formActionSource("cursor://host/cb")).toBe("cursor:")
  })
})
