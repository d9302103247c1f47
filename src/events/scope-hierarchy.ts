/** One entry of a proxy's own hierarchy. */
interface Inclusion {
  readonly scope: string
  readonly includes: readonly string[]
}

/** `mcp:admin` ⊃ `mcp:write` ⊃ `mcp:read`; everything else is flat unless a proxy says otherwise. */
const byDefault: ReadonlyMap<string, readonly string[]> = new Map([
  ["mcp:admin", ["mcp:write"]],
  ["mcp:write", ["mcp:read"]],
])

const merged = new WeakMap<readonly Inclusion[], ReadonlyMap<string, readonly string[]>>()

/**
 * What each scope holds directly. What a proxy says of a scope replaces what it holds by default, so `includes: []` makes it flat.
 * @param own settings of the proxy; a new value after each change
 */
export function inclusions(own: readonly Inclusion[] | undefined): ReadonlyMap<string, readonly string[]> {
  if (own === undefined) return byDefault
  const known = merged.get(own)
  if (known !== undefined) return known
  const made = new Map([...byDefault, ...own.map(({ scope, includes }) => [scope, includes] as const)])
  merged.set(own, made)
  return made
}

/** A scope that holds itself by way of others; undefined when there is none. */
export function circularScope(own: readonly Inclusion[]): string | undefined {
  const included = inclusions(own)
  return [...included.keys()].find((start) => {
    const inside = new Set(included.get(start))
    for (const scope of inside) for (const inner of included.get(scope) ?? []) inside.add(inner)
    return inside.has(start)
  })
}
