import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { circlesOf } from "./import-circles.ts"

/** What the files of a folder below src may import besides that folder itself. */
interface Rule {
  /** Folders or files below src. */
  readonly values: readonly string[]
  /** Of these, types alone. */
  readonly types?: readonly string[]
  /** Packages, `node:*` among them; all when absent. */
  readonly packages?: readonly string[]
}

const domain = ["commands", "projections", "events", "platform", "errors.ts"]

/** Import directions. A file straight below src that is not named here is part of the composition root: it may import all. */
const rules: Readonly<Record<string, Rule>> = {
  "errors.ts": { values: [], packages: [] },
  platform: { values: ["errors.ts"] },
  events: { values: ["errors.ts"], packages: ["zod"] },
  commands: { values: ["events", "errors.ts"], types: ["platform"], packages: ["zod"] },
  projections: { values: ["events", "platform", "errors.ts"] },
  effects: { values: domain },
  oauth: { values: domain },
  api: { values: domain },
  // Of events, what reads the value that projections hand out.
  edge: {
    values: ["projections", "platform", "errors.ts", "events/world.ts", "events/certificate-selection.ts"],
    types: ["events"],
  },
  cli: { values: ["api", "errors.ts", "platform/config.ts", "platform/config-report.ts"] },
  "cli.ts": { values: ["cli", "api", "errors.ts", "platform/config.ts"] },
}

const lineLimit = 300

/** What a request is, and what its parts are, name each other: the one circle, of types alone. */
const circular = "edge/exchange.ts"

/** One import of a source file. */
interface Import {
  readonly target: string
  readonly typeOnly: boolean
}

/** All that a source tree does against the rules, as sentences; empty when nothing. @param root the folder that holds src */
export function violations(root: string): readonly string[] {
  const source = join(root, "src")
  const found: string[] = []
  const graph = new Map<string, readonly string[]>()
  for (const file of typescriptFiles(source)) {
    const text = readFileSync(join(source, file), "utf8")
    const imports = importsOf(text)
    for (const imported of imports) found.push(...judgeImport(source, file, imported))
    graph.set(
      file,
      imports.map(({ target }) => relative(source, resolve(source, dirname(file), target))),
    )
    if (
      file !== "platform/config.ts" &&
      /\bprocess\s*(\?\.|\.)\s*env\b|\bprocess\[|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/.test(text)
    )
      found.push(`src/${file} reads the environment; platform/config.ts alone may`)
    if (/^export\s+default\b|\bas\s+default\b/m.test(text)) found.push(`src/${file} has a default export`)
  }
  for (const circle of circlesOf(graph))
    if (!circle.includes(circular))
      found.push(`imports lead in a circle: ${circle.map((file) => `src/${file}`).join(", ")}`)
  for (const folder of ["src", "scripts", "tests"])
    for (const file of typescriptFiles(join(root, folder))) {
      const lines = readFileSync(join(root, folder, file), "utf8")
        .trimEnd()
        .split("\n").length
      if (lines > lineLimit) found.push(`${folder}/${file} has ${lines} lines; ${lineLimit} is the limit`)
    }
  return found
}

function judgeImport(source: string, file: string, { target, typeOnly }: Import): readonly string[] {
  const own = file.split("/")[0]!
  const rule = rules[own]
  if (rule === undefined) return own.endsWith(".ts") ? [] : [`src/${file}: the folder ${own} has no import rule`]
  if (!target.startsWith(".")) {
    const name = target.startsWith("node:") ? "node:" : target
    return rule.packages === undefined || rule.packages.includes(name)
      ? []
      : [`src/${file} imports the package ${target}`]
  }
  const path = relative(source, resolve(source, dirname(file), target))
  const within = (allowed: string) => path === allowed || path.startsWith(`${allowed}/`)
  if (path === own || path.startsWith(`${own}/`) || rule.values.some(within)) return []
  if (typeOnly && (rule.types ?? []).some(within)) return []
  return [`src/${file} imports ${typeOnly ? "types of" : "from"} ${path}`]
}

/** Static, side-effect, dynamic and re-exporting imports alike. */
function importsOf(text: string): readonly Import[] {
  const pattern =
    /\b(?:import|export)\s+(?<type>type\s+)?(?<what>[\w$*{][^;"'`]*?)?\s*from\s*["'](?<from>[^"']+)["']|\bimport\s*\(?\s*["'](?<plain>[^"']+)["']/g
  return [...text.matchAll(pattern)].map(({ groups = {} }) => ({
    target: groups["from"] ?? groups["plain"] ?? "",
    typeOnly: groups["type"] !== undefined || onlyTypes(groups["what"]),
  }))
}

/** `{ type A, type B }` imports nothing that runs. */
function onlyTypes(what: string | undefined): boolean {
  const names = /^\{([\s\S]*)\}$/.exec(what?.trim() ?? "")?.[1]
  return names !== undefined && names.split(",").every((name) => name.trim() === "" || /^type\s/.test(name.trim()))
}

/** Paths of the TypeScript files below a folder; none when it does not exist. */
function typescriptFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /\.[cm]?ts$/.test(file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
    throw error
  }
}

/** Names of the crash points that the sources pass, each once, sorted. */
export function crashPointsInSources(root: string): readonly string[] {
  const source = join(root, "src")
  const names = typescriptFiles(source).flatMap((file) =>
    [...readFileSync(join(source, file), "utf8").matchAll(/\bcrash(?:Point)?\(\s*"([^"]+)"/g)].map(
      (match) => match[1]!,
    ),
  )
  return [...new Set(names)].sort()
}

/** Names in the table of a document: what stands in backticks as `area.name` in its rows. */
export function crashPointsInTable(markdown: string): readonly string[] {
  const rows = markdown.split("\n").filter((line) => line.startsWith("|"))
  return [...new Set(rows.flatMap((row) => row.match(/(?<=`)[a-z]+\.[A-Za-z]+(?=`)/g) ?? []))].sort()
}
