import type { Parameter } from "./arguments.ts"
import type { Session, Terminal } from "./session.ts"

/** A management command with its arguments in a fixed order: what `just <name>` runs. */
export interface Recipe {
  readonly name: string
  readonly group:
    | "tokens"
    | "certificates"
    | "proxies"
    | "routes"
    | "services"
    | "instances"
    | "resources"
    | "oauth"
    | "audit"
    | "webhooks"
    | "maintenance"
    | "log"
    | "system"
  readonly doc: string
  readonly parameters: readonly Parameter[]
  /** Takes `key=value` after its parameters. */
  readonly options?: true
  /** Reads its own command line instead of `run`. */
  readonly unparsed?: (argv: readonly string[], terminal: Terminal, recipes: readonly Recipe[]) => Promise<void>
  run(session: Session, args: Readonly<Record<string, string>>, options: readonly string[]): Promise<void>
}

/** A parameter that must be given. */
export const required = (name: string): Parameter => ({ name })

/** A parameter with a default. */
export const optional = (name: string, fallback = ""): Parameter => ({ name, default: fallback })

/** A truth value with a default. */
export const choice = (name: string, fallback: boolean): Parameter => ({
  name,
  default: String(fallback),
  boolean: true,
})

/** A truth value that is given by its name alone: `--name` or `name=true`. */
export const named = (name: string): Parameter => ({ ...choice(name, false), named: true })

/** An argument that was bound: each parameter of a recipe has a value. */
export function argument(args: Readonly<Record<string, string>>, name: string): string {
  const value = args[name]
  if (value === undefined) throw new TypeError(`the recipe has no parameter ${name}`)
  return value
}
