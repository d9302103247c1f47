import { type CharacterSet, type RegexNode, parseRegex, unsupported } from "./regex-syntax.ts"

/** A compiled pattern. */
export interface PathRegex {
  /** Does the pattern match the whole path? A slash at the path's end does not count. @param path canonical */
  matches(path: string): boolean
}

/** Characters and classes that a pattern may have behind its literal start, each counted as often as it may be repeated. */
const mostPositions = 128

/**
 * Compiles a pattern into a position automaton (Glushkov 1961) that runs on bits. A character of the path costs at most
 * 32 × 4 word operations, whatever pattern and path: there is no backtracking, and nothing is built while matching.
 * @throws GatehouseError `unsupported_regex`
 */
export function pathRegex(pattern: string): PathRegex {
  const { literal, rest } = splitLiteral(parseRegex(pattern))
  if (size(rest) > mostPositions)
    throw unsupported(`it is too long once its repetitions are written out: at most ${mostPositions} characters`)
  const run = automaton(rest)
  return {
    matches(path) {
      const text = path.endsWith("/") ? path : `${path}/`
      return text.startsWith(literal) && run(text, literal.length)
    },
  }
}

/** Characters that every matching path starts with, and what comes behind them. */
function splitLiteral(tree: RegexNode): { literal: string; rest: RegexNode } {
  const items = tree.type === "sequence" ? tree.items : [tree]
  const single = (node: RegexNode) =>
    node.type === "set" && node.accepts !== 0n && (node.accepts & (node.accepts - 1n)) === 0n
  const end = items.findIndex((item) => !single(item))
  const start = end === -1 ? items : items.slice(0, end)
  const codes = start.map((item) => (item as { accepts: CharacterSet }).accepts.toString(2).length - 1)
  return { literal: String.fromCharCode(...codes), rest: { type: "sequence", items: items.slice(start.length) } }
}

/** Positions that a tree has once its repetitions are written out. */
function size(node: RegexNode): number {
  switch (node.type) {
    case "set":
      return 1
    case "sequence":
    case "choice":
      return node.items.reduce((sum, item) => sum + size(item), 0)
    case "repeat":
      return size(node.item) * copies(node)
  }
}

/** `x{2,4}` is xxx?x?, `x{2,}` is xxx*. */
const copies = ({ min, max }: { min: number; max: number }) => (max === Infinity ? min + (min === 0 ? 1 : 0) : max)

/** What the automaton knows of a part of the pattern: bits of positions. */
interface Part {
  readonly nullable: boolean
  readonly first: bigint
  readonly last: bigint
}

const empty: Part = { nullable: true, first: 0n, last: 0n }

function positions(tree: RegexNode): { whole: Part; accepts: readonly CharacterSet[]; follow: readonly bigint[] } {
  const accepts: CharacterSet[] = []
  const follow: bigint[] = []

  function link(from: bigint, to: bigint): void {
    for (let i = 0; i < follow.length; i += 1) if ((from >> BigInt(i)) & 1n) follow[i]! |= to
  }

  function join(a: Part, b: Part): Part {
    link(a.last, b.first)
    return {
      nullable: a.nullable && b.nullable,
      first: a.nullable ? a.first | b.first : a.first,
      last: b.nullable ? a.last | b.last : b.last,
    }
  }

  function build(node: RegexNode): Part {
    switch (node.type) {
      case "set": {
        const bit = 1n << BigInt(accepts.push(node.accepts) - 1)
        follow.push(0n)
        return { nullable: false, first: bit, last: bit }
      }
      case "sequence":
        return node.items.reduce((part, item) => join(part, build(item)), empty)
      case "choice":
        return node.items.map(build).reduce((a, b) => ({
          nullable: a.nullable || b.nullable,
          first: a.first | b.first,
          last: a.last | b.last,
        }))
      case "repeat":
        return repeat(node)
    }
  }

  function repeat(node: Extract<RegexNode, { type: "repeat" }>): Part {
    // Nothing, however often, is nothing; and it must not be counted up.
    if (size(node.item) === 0 || node.max === 0) return empty
    let whole = empty
    const count = copies(node)
    for (let n = 1; n <= count; n += 1) {
      const part = build(node.item)
      if (node.max === Infinity && n === count) link(part.last, part.first)
      whole = join(whole, n > node.min ? { ...part, nullable: true } : part)
    }
    return whole
  }

  const whole = build(tree)
  return { whole, accepts, follow }
}

/** @returns runs over `text` from an index; true when it ends in a match at the end or before a last slash */
function automaton(tree: RegexNode): (text: string, from: number) => boolean {
  const { whole, accepts, follow } = positions(tree)
  const width = Math.max(1, Math.ceil(accepts.length / 32))
  const wordsOf = (bits: bigint) =>
    Uint32Array.from({ length: width }, (_, i) => Number((bits >> BigInt(32 * i)) & 0xffffffffn))
  const first = wordsOf(whole.first)
  const last = wordsOf(whole.last)
  const accepting = new Uint32Array(128 * width)
  for (let code = 0; code < 128; code += 1)
    for (const [i, set] of accepts.entries())
      if ((set >> BigInt(code)) & 1n) accepting[code * width + (i >> 5)]! |= 1 << (i & 31)
  // Where four neighbouring positions lead, for each of their sixteen states.
  const leads = new Uint32Array(width * 8 * 16 * width)
  for (let nibble = 0; nibble < width * 8; nibble += 1)
    for (let state = 1; state < 16; state += 1) {
      const to = [0, 1, 2, 3].reduce((bits, i) => (state & (1 << i) ? bits | (follow[nibble * 4 + i] ?? 0n) : bits), 0n)
      leads.set(wordsOf(to), (nibble * 16 + state) * width)
    }

  return (text, from) => {
    const short = text.length - 1
    if (whole.nullable && from >= short) return true
    let now = new Uint32Array(width)
    let next = new Uint32Array(width)
    for (let at = from; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (code > 127) return false
      if (at === from) next.set(first)
      else lead(now, next)
      let alive = 0
      let done = 0
      for (let w = 0; w < width; w += 1) {
        const word = next[w]! & accepting[code * width + w]!
        next[w] = word
        alive |= word
        done |= word & last[w]!
      }
      if (alive === 0) return false
      if (done !== 0 && at + 1 >= short) return true
      ;[now, next] = [next, now]
    }
    return false
  }

  function lead(now: Uint32Array, next: Uint32Array): void {
    next.fill(0)
    for (let w = 0; w < width; w += 1)
      for (let word = now[w]!, nibble = w * 8; word !== 0; word >>>= 4, nibble += 1) {
        const state = word & 15
        if (state === 0) continue
        const base = (nibble * 16 + state) * width
        for (let i = 0; i < width; i += 1) next[i]! |= leads[base + i]!
      }
  }
}
