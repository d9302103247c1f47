import { type Parameter, bindParameters, parseArguments, truth } from "../../src/cli/arguments.ts"
import { describe, expect, test } from "vitest"

const parameters: readonly Parameter[] = [
  { name: "hostname" },
  { name: "token", default: "" },
  { name: "staging", default: "false", boolean: true },
  { name: "endpoint", default: "/mcp" },
]
const bind = (...argv: string[]) => bindParameters(parseArguments(argv, new Set(["yes", "staging"])), parameters)

describe("arguments of a recipe", () => {
  test("are bound in their order, with defaults for what is left out or empty", () => {
    expect(bind("a.test")).toEqual({ hostname: "a.test", token: "", staging: "false", endpoint: "/mcp" })
    expect(bind("a.test", "", "yes", "")).toEqual({ hostname: "a.test", token: "", staging: "true", endpoint: "/mcp" })
    expect(bind("a.test", "tok", "1", "/x")).toEqual({
      hostname: "a.test",
      token: "tok",
      staging: "true",
      endpoint: "/x",
    })
  })

  test("may be named where they are optional, in any order", () => {
    const expected = { hostname: "a.test", token: "tok", staging: "true", endpoint: "/mcp" }
    expect(bind("a.test", "staging=true", "tok")).toEqual(expected)
    expect(bind("--staging", "a.test", "--token=tok")).toEqual(expected)
    expect(bind("a.test", "tok", "staging")).toEqual(expected)
  })

  test("may have flags between them, as just hands them over", () => {
    expect(bind("a.test", "--yes", "", "")).toMatchObject({ hostname: "a.test", token: "", endpoint: "/mcp" })
    expect(bind("a.test", "--output", "json", "")).toMatchObject({ hostname: "a.test", token: "" })
  })

  test("keep a value that only looks like a name", () => {
    expect(bind("hostname=x", "other=y")).toMatchObject({ hostname: "hostname=x", token: "other=y" })
    expect(bind("--", "--yes")).toMatchObject({ hostname: "--yes" })
  })

  test.each([[[]], [["a", "b", "true", "/x", "more"]], [["a", "b", "maybe"]], [["--output"]], [["---x"]]])(
    "%j are refused",
    (argv) => {
      expect(() => bind(...argv)).toThrow(expect.objectContaining({ exitCode: 2 }))
    },
  )

  test("that may be empty keep being empty", () => {
    const email: Parameter = { name: "email", default: "ADMIN_EMAIL", empty: true }
    expect(bindParameters({ positionals: [""], flags: new Map() }, [email])).toEqual({ email: "" })
    expect(bindParameters({ positionals: [], flags: new Map() }, [email])).toEqual({ email: "ADMIN_EMAIL" })
  })

  test("collect what is left where options are taken", () => {
    const options: string[] = []
    bindParameters(
      { positionals: ["a", "t", "k=v", "l=w"], flags: new Map() },
      [{ name: "h" }, { name: "token" }],
      options,
    )
    expect(options).toEqual(["k=v", "l=w"])
  })
})

test("a truth value has several spellings", () => {
  for (const text of ["true", "1", "yes", "YES", "force"]) expect(truth("force", text)).toBe(true)
  for (const text of ["false", "0", "no"]) expect(truth("force", text)).toBe(false)
  for (const text of ["", "on", "wait"])
    expect(() => truth("force", text)).toThrow(expect.objectContaining({ exitCode: 2 }))
})
