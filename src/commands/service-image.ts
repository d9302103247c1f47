/** An image reference in full: `nginx` is `docker.io/library/nginx:latest`. */
interface ImageReference {
  /** Registry and repository. */
  readonly name: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

const part = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
const host = "(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\\d{1,5})?"
const pattern = new RegExp(
  `^((?:${host}/)?${part}(?:/${part})*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`,
)

/** What an engine takes for the id of an image, whatever its repository. */
const imageId = /^(sha256:)?[0-9a-f]{64}$/

/** Takes a reference apart (distribution reference grammar); undefined for what is none. */
export function parseImage(text: string): ImageReference | undefined {
  const [, name, tag, digest] = (text.length <= 255 ? pattern.exec(text) : null) ?? []
  if (name === undefined || imageId.test(name) || imageId.test(text)) return undefined
  return { name: fullName(name), tag, digest }
}

/**
 * A reference that means the same to every engine: with registry, repository, and digest or tag. A short name could also be
 * the beginning of an image's id, of any image that the engine has.
 */
export function canonicalImage(text: string): string {
  const parsed = parseImage(text)
  if (parsed === undefined) throw new TypeError("not an image reference")
  const { name, tag, digest } = parsed
  return digest === undefined ? `${name}:${tag ?? "latest"}` : `${name}@${digest}`
}

/** The first part is a registry only if it could be nothing else. */
function fullName(name: string): string {
  const [first = "", ...rest] = name.split("/")
  if (rest.length > 0 && (first === "docker.io" || first === "index.docker.io")) return onHub(rest)
  const registry = rest.length > 0 && (/[.:A-Z]/.test(first) || first === "localhost")
  return registry ? name : onHub([first, ...rest])
}

function onHub(path: readonly string[]): string {
  return path.length === 1 ? `docker.io/library/${path[0]}` : `docker.io/${path.join("/")}`
}

/**
 * May owners use an image? An entry without a tag allows every tag, one that ends in `/*` everything below it; one with a tag
 * or a digest allows just that.
 */
export function imageAllowed(image: string, allowed: readonly string[]): boolean {
  const wanted = parseImage(image)
  return wanted !== undefined && allowed.some((entry) => covers(entry, wanted))
}

function covers(entry: string, wanted: ImageReference): boolean {
  if (entry.endsWith("/*")) {
    const above = parseImage(`${entry.slice(0, -1)}any/any`)
    return above !== undefined && wanted.name.startsWith(above.name.slice(0, -"any/any".length))
  }
  const known = parseImage(entry)
  if (known === undefined || known.name !== wanted.name) return false
  if (known.digest !== undefined) return known.digest === wanted.digest
  // With a digest the tag says nothing: the digest decides what runs.
  if (known.tag !== undefined) return wanted.digest === undefined && known.tag === (wanted.tag ?? "latest")
  return true
}
