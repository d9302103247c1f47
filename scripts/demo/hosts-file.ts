/** Marks the line that the demo added, so that nothing else is ever removed. */
const mark = "# added by the Gatehouse demo"

/** The file with one line that leads the names to this machine; unchanged when the line is there. */
export function withNames(text: string, names: readonly string[]): string {
  const line = `127.0.0.1 ${names.join(" ")} ${mark}`
  if (text.split("\n").includes(line)) return text
  const others = withoutNames(text)
  return `${others}${others === "" || others.endsWith("\n") ? "" : "\n"}${line}\n`
}

/** The file without the demo's line; everything else stays byte for byte. */
export function withoutNames(text: string): string {
  return text
    .split(/(?<=\n)/)
    .filter((line) => !line.trimEnd().endsWith(mark))
    .join("")
}
