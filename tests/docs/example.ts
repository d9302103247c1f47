/** One fenced block of shell commands in a page. */
export interface Example {
  readonly page: string
  /** Of its first command. */
  readonly line: number
  readonly commands: string
  /** Why the test does not run it; undefined when it does. */
  readonly reason: string | undefined
}

const shells = new Set(["sh", "bash", "shell", "console", "zsh"])

/**
 * Shell blocks of a page. ```` ```sh ```` is run; ```` ```sh no-run: <reason> ```` is not.
 * @throws Error for another word after the language, and for a block of commands that does not say its language
 */
export function examplesOf(page: string, text: string): Example[] {
  const lines = text.split("\n")
  const examples: Example[] = []
  for (let index = 0; index < lines.length; index += 1) {
    const [, fence, info] = /^\s*(`{3,}|~{3,})(.*)$/.exec(lines[index]!) ?? []
    if (fence === undefined) continue
    const end = lines.findIndex((line, at) => at > index && line.trim() === fence)
    const commands = lines.slice(index + 1, end).join("\n")
    const example = read(page, index + 2, info!.trim(), commands)
    if (example !== undefined) examples.push(example)
    index = end
  }
  return examples
}

function read(page: string, line: number, info: string, commands: string): Example | undefined {
  const [language = "", ...rest] = info.split(" ")
  if (language === "" && /^\s*(just|npx|npm|curl|node|docker|export|git) /m.test(commands))
    throw new Error(`${page}:${line} looks like commands; its fence must say sh`)
  if (!shells.has(language)) return undefined
  const reason = /^no-run: (\S.*)$/.exec(rest.join(" "))?.[1]
  if (rest.length > 0 && reason === undefined) throw new Error(`${page}:${line}: write "${language} no-run: <reason>"`)
  return { page, line, commands, reason }
}
