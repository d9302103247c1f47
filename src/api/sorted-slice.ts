/** Below this many, sorting all of them is as quick. */
const few = 64

/**
 * What `items.toSorted(order).slice(from, to)` gives, without sorting the rest (Hoare's selection): takes time in proportion to the
 * number of items, where a sort of ten thousand names takes milliseconds.
 * @param order total: zero for an item and itself alone
 */
export function sortedSlice<T>(items: readonly T[], from: number, to: number, order: (a: T, b: T) => number): T[] {
  const end = Math.min(to, items.length)
  if (from >= end) return []
  const rest = items.slice()
  // What the first selection leaves on the other side need not be looked at again.
  if (from + end < rest.length) {
    separate(rest, end, order, 0, rest.length - 1)
    separate(rest, from, order, 0, end - 1)
  } else {
    separate(rest, from, order, 0, rest.length - 1)
    separate(rest, end, order, from, rest.length - 1)
  }
  return rest.slice(from, end).sort(order)
}

/** Puts the `count` smallest items before all others, where these differ from place `low` to place `high` alone. */
function separate<T>(items: T[], count: number, order: (a: T, b: T) => number, low: number, high: number): void {
  if (count <= low || count > high) return
  while (high - low > few) {
    const pivot = middle(items, low, high, order)
    let left = low
    let right = high
    while (left <= right) {
      while (order(items[left]!, pivot) < 0) left += 1
      while (order(items[right]!, pivot) > 0) right -= 1
      if (left > right) break
      const one = items[left]!
      items[left] = items[right]!
      items[right] = one
      left += 1
      right -= 1
    }
    if (count <= right) high = right
    else if (count >= left) low = left
    else return
  }
  const sorted = items.slice(low, high + 1).sort(order)
  for (const [at, item] of sorted.entries()) items[low + at] = item
}

/** The middle one of three items that no usual order puts at an end. */
function middle<T>(items: readonly T[], low: number, high: number, order: (a: T, b: T) => number): T {
  const size = high - low + 1
  const [a, b, c] = [0.237, 0.519, 0.791].map((share) => items[low + Math.floor(share * size)]!) as [T, T, T]
  const [less, more] = order(a, b) < 0 ? [a, b] : [b, a]
  return order(c, less) < 0 ? less : order(c, more) > 0 ? more : c
}
