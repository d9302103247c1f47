/** Markup that was put together by {@link markup}, so every value in it is escaped. */
export interface Markup {
  readonly text: string
}

/** What may stand in a template: text is escaped, markup is taken as it is, `undefined` is nothing. */
type Value = string | number | Markup | readonly Markup[] | undefined

/** Template for HTML that escapes every text put into it, for elements and for quoted attributes. */
export function markup(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return { text: strings.reduce((out, part, i) => out + markupOf(values[i - 1]) + part) }
}

function markupOf(value: Value): string {
  if (value === undefined) return ""
  if (typeof value === "string" || typeof value === "number") return escape(String(value))
  return "text" in value ? value.text : value.map(({ text }) => text).join("")
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
}
