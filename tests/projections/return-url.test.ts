import { describe, expect, it } from "vitest"
import { emptyWorld } from "../../src/events/world.ts"
import { fold, openAuth } from "../support/access-tokens.ts"
import { returnTarget } from "../../src/projections/return-url.ts"

const world = emptyWorld()

function addHost(hostname: string, settings: object = {}, auth: object | null = {}): void {
  fold(world, "proxy", hostname, "ProxyCreated", {
    hostname,
    owner: "someone",
    target_url: "http://127.0.0.1:8080",
    cert_name: null,
    enabled: true,
    enable_http: true,
    enable_https: true,
    preserve_host_header: true,
    custom_headers: {},
    ...settings,
  })
  if (auth !== null) fold(world, "proxy", hostname, "ProxyAuthSet", { ...openAuth, auth_mode: "redirect", ...auth })
}

addHost("app.example.com")
addHost("pass.example.com", {}, { auth_mode: "passthrough" })
addHost("forward.example.com", {}, { auth_mode: "forward" })
addHost("off.example.com", { enabled: false })
addHost("switched-off.example.com", {}, { auth_enabled: false })
addHost("plain.example.com", { enable_https: false })
addHost("open.example.com", {}, null)
addHost("elsewhere.example.com", {}, { auth_proxy: "login.example.net" })

const rule = (text: string, publicHttpsPort = 443) =>
  returnTarget(text, {
    world,
    oauthAuthority: publicHttpsPort === 443 ? "auth.example.com" : `auth.example.com:${publicHttpsPort}`,
    publicHttpsPort,
  })

describe("a return URL", () => {
  it.each([
    ["https://app.example.com", "https://app.example.com/"],
    ["https://app.example.com/", "https://app.example.com/"],
    ["https://APP.example.com/a?b=c&d=%20", "https://app.example.com/a?b=c&d=%20"],
    ["HTTPS://app.example.com/a", "https://app.example.com/a"],
    ["https://app.example.com//evil.example", "https://app.example.com//evil.example"],
    ["https://app.example.com/@evil.example", "https://app.example.com/@evil.example"],
    ["https://app.example.com/?u=https://evil.example", "https://app.example.com/?u=https://evil.example"],
    ["https://app.example.com/.gatehouses", "https://app.example.com/.gatehouses"],
    ["https://pass.example.com/", "https://pass.example.com/"],
    ["https://auth.example.com/account", "https://auth.example.com/account"],
  ])("may be %s", (text, href) => expect(rule(text)?.href).toBe(href))

  it.each([
    "",
    "/",
    "/path",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https:/app.example.com/",
    "https:///app.example.com/",
    "https:\\\\app.example.com/",
    "http://app.example.com/",
    "ftp://app.example.com/",
    "javascript:alert(1)",
    "javascript://app.example.com/%0aalert(1)",
    "data:text/html,x",
    "https://evil.example/",
    "https://app.example.com.evil.example/",
    "https://evilapp.example.com/",
    "https://app.example.com@evil.example/",
    "https://app.example.com:443@evil.example/",
    "https://user@app.example.com/",
    "https://user:pass@app.example.com/",
    "https://@app.example.com/",
    "https://evil.example\\@app.example.com/",
    "https://evil.example\\.app.example.com/",
    "https://app.example.com\\@evil.example/",
    "https://app.example.com\\.evil.example",
    "https://app.example.com/\\evil.example",
    "https://app.example.com#@evil.example/",
    "https://app.example.com/#fragment",
    "https://app.example.com?x=1",
    "https://app.example.com.",
    "https://app.example.com./",
    "https://.app.example.com/",
    "https://app.example.com:8443/",
    "https://app.example.com:443/",
    "https://app.example.com:/",
    "https://app.example.com:0443/",
    "https://app%2eexample.com/",
    "https://app.example.com%2f.evil.example/",
    "https://app.example.com%00.evil.example/",
    "https://app\u3002example.com/",
    "https://\uff41pp.example.com/",
    "https://app.example.com/\u0000",
    "https://app.example.com/\t",
    "https://app.exa\tmple.com/",
    "https://app.exa\nmple.com/",
    " https://app.example.com/",
    "https://app.example.com/ ",
    "https://app.example.com/a b",
    "https://app.example.com/\r\nSet-Cookie: a=b",
    "https://app.example.com/ü",
    "https://[::1]/",
    "https://127.0.0.1/",
    "https://unknown.example.com/",
    "https://forward.example.com/",
    "https://off.example.com/",
    "https://switched-off.example.com/",
    "https://plain.example.com/",
    "https://open.example.com/",
    "https://elsewhere.example.com/",
    "https://app.example.com/.gatehouse",
    "https://app.example.com/.gatehouse/login?return_path=/",
    "https://app.example.com/x/../.gatehouse/logout",
    "https://auth.example.com.evil.example/",
    "https://auth.example.com:8443/",
  ])("is never %j", (text) => expect(rule(text)).toBeUndefined())

  it("names the port where the public one is not 443, and no other", () => {
    expect(rule("https://app.example.com:8443/x", 8443)?.href).toBe("https://app.example.com:8443/x")
    expect(rule("https://auth.example.com:8443/account", 8443)?.proxy).toBeUndefined()
    expect(rule("https://app.example.com/x", 8443)).toBeUndefined()
    expect(rule("https://app.example.com:443/x", 8443)).toBeUndefined()
    expect(rule("https://auth.example.com/account", 8443)).toBeUndefined()
  })
})
