import type * as z from "zod"

type Issue = z.core.$ZodRawIssue

/**
 * What a value must be, for whoever sent it; goes to zod as the `error` of a parse. Schemas that say it in their own words come first.
 * @returns undefined for what zod says itself
 */
export function complaint(issue: Issue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is required" : `must be ${kinds[issue.expected] ?? issue.expected}`
    case "invalid_value":
      return `must be ${oneOf(issue)}`
    case "too_small":
      return limit(issue, "least", issue.minimum)
    case "too_big":
      return limit(issue, "most", issue.maximum)
    case "invalid_format":
      return formats[issue.format]
    case "invalid_union":
      return union(issue)
    default:
      return undefined
  }
}

const kinds: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
}

const formats: Readonly<Record<string, string>> = {
  email: "must be an e-mail address such as name@example.com",
  url: "must be a URL such as https://example.com/path",
  datetime: "must be a time such as 2026-01-31T12:00:00Z",
}

function oneOf({ values, expected }: { readonly values?: unknown; readonly expected?: unknown }): string {
  if (expected === "stringbool") return "true or false"
  const names = (values as readonly unknown[]).map(String)
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`
}

function limit(issue: Issue, end: "least" | "most", bound: unknown): string {
  const { origin, inclusive } = issue as { origin?: string; inclusive?: boolean }
  const number = `${inclusive === false ? (end === "least" ? "more than" : "less than") : `at ${end}`} ${String(bound)}`
  if (origin !== "string" && origin !== "array") return `must be ${number}`
  const [one, many] = origin === "string" ? ["character", "characters"] : ["entry", "entries"]
  if (end === "least" && bound === 1) return "must not be empty"
  return `must have ${number} ${Number(bound) === 1 ? one : many}`
}

/** Of all forms that a value may have, what they are; or the complaint of the only one that is not about its kind. */
function union({ errors }: { readonly errors?: unknown }): string | undefined {
  const firsts = (errors as readonly (readonly z.core.$ZodIssue[])[]).map(([first]) => first)
  const near = firsts.filter((first) => first?.code !== "invalid_type" || first.path.length > 0)
  if (near.length === 1) return near[0]!.message
  if (near.length > 0) return undefined
  const expected = firsts.map((first) => (first as { expected: string }).expected)
  return `must be ${[...new Set(expected)].map((kind) => kinds[kind] ?? kind).join(" or ")}`
}
