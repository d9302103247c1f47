/** A Markdown table; a bar inside a cell is escaped. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n")
}

/** Text from the tables: an angle bracket outside code is none of HTML. */
export function prose(text: string): string {
  return text.replaceAll(/`[^`]*`|</g, (part) => (part === "<" ? "\\<" : part))
}

/** Text as code; nothing for nothing. */
export function code(text: string): string {
  return text === "" ? "" : `\`${text}\``
}

/** Text of a generated page. @param source what it is made from */
export function generatedPage(title: string, source: string, parts: readonly string[]): string {
  return `${[`# ${title}`, `<!-- Written by \`just docs-pages\` from ${source}; do not edit. -->`, ...parts].join("\n\n")}\n`
}
