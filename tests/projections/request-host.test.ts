import { describe, expect, it } from "vitest"
import { normalHostName, parseHost, splitAbsoluteForm } from "../../src/projections/request-host.ts"

describe("Host", () => {
  it.each([
    ["a.test", "a.test", ""],
    ["A.Test:8443", "a.test", "8443"],
    ["a.test.", "a.test", ""],
    ["a.test.:80", "a.test", "80"],
    ["a.test:", "a.test", ""],
    ["127.0.0.1:80", "127.0.0.1", "80"],
    ["[::1]:80", "[::1]", "80"],
    ["[2001:DB8::1]", "[2001:db8::1]", ""],
    ["xn--bcher-kva.test", "xn--bcher-kva.test", ""],
    ["my_service", "my_service", ""],
  ])("%s", (value, name, port) => {
    expect(parseHost(value)).toEqual({ name, port })
  })

  it.each([
    "",
    ".",
    "a..test",
    ".a.test",
    "a.test..",
    "user@a.test",
    "a.test/x",
    "a.test,b.test",
    "a.test b.test",
    "a.test:80:81",
    "a.test:65536",
    "a.test:8o",
    "a.test:-1",
    "[::1",
    "[::g]",
    "::1",
    "bücher.test",
    "a%2etest",
    "a.test\\x",
    `${"a.".repeat(127)}test`,
  ])("refuses %j", (value) => {
    expect(parseHost(value)).toBeUndefined()
  })
})

it("a server name with NUL, a slash or empty labels is no name", () => {
  for (const name of ["a\0.test", "a/b", "..", "a..b", "", "."]) expect(normalHostName(name)).toBeUndefined()
})

it("absolute-form is split into authority and origin form", () => {
  expect(splitAbsoluteForm("http://a.test/x?y")).toEqual({ authority: "a.test", target: "/x?y" })
  expect(splitAbsoluteForm("HTTPS://a.test")).toEqual({ authority: "a.test", target: "/" })
  expect(splitAbsoluteForm("http://a.test?y")).toEqual({ authority: "a.test", target: "/?y" })
  expect(splitAbsoluteForm("ftp://a.test/")).toBeUndefined()
  expect(splitAbsoluteForm("a.test:443")).toBeUndefined()
  expect(splitAbsoluteForm("http:/a.test/")).toBeUndefined()
})
