import { GatehouseError } from "../errors.ts"

/** Characters of a set, as bits by their code: a path holds visible ASCII only. */
export type CharacterSet = bigint

/** A pattern as a tree. */
export type RegexNode =
  | { readonly type: "set"; readonly accepts: CharacterSet }
  | { readonly type: "sequence"; readonly items: readonly RegexNode[] }
  | { readonly type: "choice"; readonly items: readonly RegexNode[] }
  | { readonly type: "repeat"; readonly item: RegexNode; readonly min: number; readonly max: number }

const every: CharacterSet = (1n << 128n) - 1n
const bit = (character: string): CharacterSet => 1n << BigInt(character.charCodeAt(0))

function range(from: string, to: string): CharacterSet {
  const [low, high] = [BigInt(from.charCodeAt(0)), BigInt(to.charCodeAt(0))]
  return ((1n << (high - low + 1n)) - 1n) << low
}

const digits = range("0", "9")
const words = digits | range("A", "Z") | range("a", "z") | bit("_")
const blanks = bit(" ") | range("\t", "\r")
const classes: Readonly<Record<string, CharacterSet>> = {
  d: digits,
  D: every & ~digits,
  w: words,
  W: every & ~words,
  s: blanks,
  S: every & ~blanks,
}

/** A pattern that cannot be used, with the reason. */
export function unsupported(detail: string): GatehouseError {
  return new GatehouseError("unsupported_regex", `path_pattern: ${detail}`, {
    errors: [{ path: "path_pattern", message: detail }],
  })
}

/**
 * Reads the part of the usual syntax that a finite automaton can match: characters, `.`, classes, groups, `|`, `*`, `+`, `?`
 * and `{n,m}`, each also lazy, which is the same for a full match. `^` and `$` only at the two ends.
 * @throws GatehouseError `unsupported_regex`: look-around, back-references, word boundaries, flags, broken syntax
 */
export function parseRegex(pattern: string): RegexNode {
  const bad = /[^\x20-\x7e]/.exec(pattern)
  if (bad !== null) throw unsupported("only visible ASCII can be in a path; write other characters percent-encoded")
  const source = pattern.replace(/^\^/, "").replace(/(?<!\\)((?:\\\\)*)\$$/, "$1")
  let at = 0

  const peek = () => source[at]
  function take(): string {
    const character = source[at]
    if (character === undefined) throw unsupported("it ends too early")
    at += 1
    return character
  }

  function choice(): RegexNode {
    const items = [sequence()]
    while (peek() === "|") {
      at += 1
      items.push(sequence())
    }
    return items.length === 1 ? items[0]! : { type: "choice", items }
  }

  function sequence(): RegexNode {
    const items: RegexNode[] = []
    while (peek() !== undefined && peek() !== "|" && peek() !== ")") items.push(quantified(atom()))
    return { type: "sequence", items }
  }

  function atom(): RegexNode {
    const character = take()
    switch (character) {
      case "(":
        return group()
      case "[":
        return { type: "set", accepts: bracket() }
      case ".":
        return { type: "set", accepts: every }
      case "\\":
        return { type: "set", accepts: escape() }
      case "^":
      case "$":
        throw unsupported(`${character} is only supported at the ends`)
      case "*":
      case "+":
      case "?":
        throw unsupported(`there is nothing to repeat before ${character}`)
      case "{":
      case "}":
      case "]":
        throw unsupported(`${character} must be written \\${character}`)
      default:
        return { type: "set", accepts: bit(character) }
    }
  }

  function group(): RegexNode {
    if (peek() === "?") {
      if (source[at + 1] !== ":") throw unsupported("of the groups with (? only (?: is supported")
      at += 2
    }
    const inside = choice()
    if (peek() !== ")") throw unsupported("a group is not closed")
    at += 1
    return inside
  }

  function quantified(item: RegexNode): RegexNode {
    const bounds = quantifier()
    if (bounds === undefined) return item
    if (peek() === "?") at += 1
    if (peek() !== undefined && "*+?{".includes(peek()!)) throw unsupported("a repetition cannot be repeated")
    return { type: "repeat", item, ...bounds }
  }

  function quantifier(): { min: number; max: number } | undefined {
    const [text, low, comma, high] = /^(?:[*+?]|\{(\d{1,4})(,(\d{1,4})?)?\})/.exec(source.slice(at, at + 12)) ?? []
    if (text === undefined) return undefined
    at += text.length
    if (text === "*") return { min: 0, max: Infinity }
    if (text === "+") return { min: 1, max: Infinity }
    if (text === "?") return { min: 0, max: 1 }
    const min = Number(low)
    const max = comma === undefined ? min : high === undefined ? Infinity : Number(high)
    if (min > max) throw unsupported(`${text} is upside down`)
    return { min, max }
  }

  /** What follows a backslash; also inside brackets. */
  function escape(): CharacterSet {
    const character = take()
    const known = classes[character]
    if (known !== undefined) return known
    if (/[A-Za-z0-9]/.test(character)) throw unsupported(`\\${character} is not supported`)
    return bit(character)
  }

  function bracket(): CharacterSet {
    const negated = peek() === "^"
    if (negated) at += 1
    let accepts: CharacterSet = 0n
    for (let first = true; first || peek() !== "]"; first = false) {
      const { character, set } = member()
      if (peek() === "-" && source[at + 1] !== "]" && source[at + 1] !== undefined) {
        at += 1
        const last = member().character
        if (character === undefined || last === undefined || last < character)
          throw unsupported("a range is upside down")
        accepts |= range(character, last)
      } else accepts |= set
    }
    at += 1
    return negated ? every & ~accepts : accepts
  }

  /** One member of a bracket; `character` for those that can be the end of a range. */
  function member(): { character: string | undefined; set: CharacterSet } {
    const character = take()
    if (character === "[" || character === "]") throw unsupported(`${character} must be written \\${character}`)
    if (character !== "\\") return { character, set: bit(character) }
    const escaped = peek()
    const set = escape()
    return { character: escaped !== undefined && escaped in classes ? undefined : escaped, set }
  }

  const tree = choice()
  if (at < source.length) throw unsupported("a group is closed that was not opened")
  return tree
}
