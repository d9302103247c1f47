/** Files by those that they import. */
export type Imports = ReadonlyMap<string, readonly string[]>

/** Groups of files that lead back to each other, each sorted (Tarjan 1972, strongly connected components). */
export function circlesOf(imports: Imports): readonly (readonly string[])[] {
  const found: string[][] = []
  const numbers = new Map<string, number>()
  const lowest = new Map<string, number>()
  const open: string[] = []
  const visit = (file: string): number => {
    numbers.set(file, numbers.size)
    lowest.set(file, numbers.get(file)!)
    open.push(file)
    for (const target of imports.get(file) ?? []) {
      if (!imports.has(target)) continue
      if (!numbers.has(target)) lowest.set(file, Math.min(lowest.get(file)!, visit(target)))
      else if (open.includes(target)) lowest.set(file, Math.min(lowest.get(file)!, numbers.get(target)!))
    }
    if (lowest.get(file) === numbers.get(file)) {
      const group = open.splice(open.indexOf(file))
      if (group.length > 1) found.push(group.toSorted())
    }
    return lowest.get(file)!
  }
  for (const file of imports.keys()) if (!numbers.has(file)) visit(file)
  return found
}
