import { execFileSync } from "node:child_process"
import { join } from "node:path"

/** A recipe as `just` itself reads it. */
interface Recipe {
  readonly parameters: readonly {
    readonly name: string
    readonly default: string | readonly ["variable", "required"] | null
    readonly kind: string
  }[]
  readonly body: readonly (readonly unknown[])[]
}

const root = join(import.meta.dirname, "../..")

/** Every recipe of the justfile by its name. */
export const justfile = (
  JSON.parse(
    execFileSync(join(root, "node_modules/.bin/just"), ["--dump", "--dump-format", "json"], { cwd: root }).toString(),
  ) as { recipes: Readonly<Record<string, Recipe>> }
).recipes

/** Arguments that `just <name> <args>` hands to the recipe's command: what was given, then the defaults of the rest. */
export function handedOver(name: string, args: readonly string[]): string[] {
  const declared = justfile[name]!.parameters.filter(({ kind }) => kind === "singular")
  const given = ({ default: fallback }: (typeof declared)[number]) =>
    typeof fallback === "string" ? fallback : "<required>"
  return [...args, ...declared.slice(args.length).map(given)]
}
