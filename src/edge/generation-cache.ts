/** A bounded map from text to values, without clocks: what was not asked for while `limit` newer ones came is forgotten. */
export interface GenerationCache<Value> {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
  delete(key: string): void
}

/**
 * Two generations: entries are written to the young one and moved back there when they are read from the old one; when
 * the young one is full it becomes the old one. Constant time, and at most `2 × limit` entries.
 */
export function generationCache<Value>(limit: number): GenerationCache<Value> {
  let young = new Map<string, Value>()
  let old = new Map<string, Value>()

  function set(key: string, value: Value): void {
    if (young.size >= limit) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }

  return {
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const aged = old.get(key)
      if (aged !== undefined) set(key, aged)
      return aged
    },
    set,
    delete(key) {
      young.delete(key)
      old.delete(key)
    },
  }
}
