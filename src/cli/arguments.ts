import { CliFailure } from "./failure.ts"

/**
 * What just hands over for a required argument that was left out: by itself it would end with the status of an API error. Its
 * recipes name it `required`.
 */
export const leftOut = "<required>"

/** An argument list taken apart: what stands alone, and what is named. */
export interface Arguments {
  readonly positionals: readonly string[]
  /** By name, without dashes; a flag without a value is `true`. */
  readonly flags: ReadonlyMap<string, string>
}

/**
 * Splits an argument list. `--name value` and `--name=value` are the same; after `--` nothing is a flag.
 * @param switches names that take no value of their own but by `=`
 * @throws CliFailure usage
 */
export function parseArguments(argv: readonly string[], switches: ReadonlySet<string>): Arguments {
  const positionals: string[] = []
  const flags = new Map<string, string>()
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index]!
    if (argument === "--") {
      positionals.push(...argv.slice(index + 1))
      break
    }
    const [, name, inline] = /^--([a-z][\w-]*)(?:=(.*))?$/s.exec(argument) ?? []
    if (name === undefined) {
      if (argument.startsWith("--")) throw new CliFailure("usage", `usage: ${argument.split("=")[0]} is no flag`)
      positionals.push(argument)
      continue
    }
    const key = name.replaceAll("_", "-")
    if (inline !== undefined || switches.has(key)) flags.set(key, inline ?? "true")
    else {
      index += 1
      if (argv[index] === undefined) throw new CliFailure("usage", `usage: --${key} needs a value`)
      flags.set(key, argv[index]!)
    }
  }
  return { positionals, flags }
}

/** A parameter of a recipe, in its place. */
export interface Parameter {
  readonly name: string
  /** Absent: required. */
  readonly default?: string
  /** Truth value: also given by its own name. */
  readonly boolean?: true
  /** Has no place in the order: only given by its own name. */
  readonly named?: true
  /** Empty is a value, not the default. */
  readonly empty?: true
}

/**
 * Arguments of a recipe by name, in the order of its parameters. An optional one may also stand as `name=value` or `--name value`;
 * an empty one is its default, unless it may be empty.
 * @param options collects what is left; without it that is an error
 * @throws CliFailure usage
 */
export function bindParameters(
  { positionals, flags }: Arguments,
  parameters: readonly Parameter[],
  options?: string[],
): Record<string, string> {
  const values: Record<string, string> = {}
  const optional = new Set(parameters.filter((parameter) => parameter.default !== undefined).map(({ name }) => name))
  const inOrder = parameters.filter((parameter) => parameter.named !== true).values()
  const next = () => {
    let parameter = inOrder.next().value
    while (parameter !== undefined && (parameter.name in values || flags.has(parameter.name)))
      parameter = inOrder.next().value
    return parameter
  }
  for (const text of positionals) {
    // Fewer were given than are required: which one is missing, the end tells.
    if (text === leftOut) break
    const [, name, value] = /^([a-z][a-z-]*)=(.*)$/s.exec(text) ?? []
    if (name !== undefined && optional.has(name)) {
      values[name] = value!
      continue
    }
    const parameter = next()
    if (parameter !== undefined) values[parameter.name] = text
    else if (options !== undefined) options.push(text)
    else if (text !== "")
      throw new CliFailure("usage", `usage: too many arguments: ${parameters.map(placeholder).join(" ")}`)
  }
  for (const { name, default: fallback, boolean, empty } of parameters) {
    const given = values[name] ?? flags.get(name)
    if (given === undefined && fallback === undefined)
      throw new CliFailure("usage", `usage: ${name} is missing: ${parameters.map(placeholder).join(" ")}`)
    const value = (given === "" && empty !== true ? fallback : given) ?? given ?? fallback!
    values[name] = boolean === true ? String(truth(name, value)) : value
  }
  return values
}

/** `<required>`, `[optional]` or `[--named]`. */
export function placeholder({ name, default: fallback, named }: Parameter): string {
  if (named === true) return `[--${name}]`
  return fallback === undefined ? `<${name}>` : `[${name}]`
}

/** true/false/1/0/yes/no, or the parameter's own name for true. @throws CliFailure usage */
export function truth(name: string, text: string): boolean {
  if (/^(true|1|yes)$/i.test(text) || text === name) return true
  if (/^(false|0|no)$/i.test(text)) return false
  throw new CliFailure("usage", `usage: ${name} must be true or false`)
}
