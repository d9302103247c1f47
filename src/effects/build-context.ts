import { type Stats, constants } from "node:fs"
import { lstat, open, readdir, realpath } from "node:fs/promises"
import { basename, join, relative, sep } from "node:path"
import { EngineError } from "./docker-engine.ts"

const most = { bytes: 64 * 2 ** 20, entries: 20_000 }
const block = 512

/** What a build is given: files as a tar archive, and the Dockerfile's path in it. */
export interface BuildContext {
  readonly tar: Buffer
  readonly dockerfile: string
}

/**
 * Packs the files of a build. Only ordinary files and folders get in: a link could lead out, a device could block.
 * @param root the configured build directory
 * @param dockerfile path below it; the folder it is in is the context unless another is given
 * @param limits files and folders together count as entries
 * @throws EngineError `permanent`
 */
export async function buildContext(
  root: string,
  dockerfile: string,
  context: string | null,
  limits = most,
): Promise<BuildContext> {
  const file = await inside(root, dockerfile)
  const folder = context === null ? join(file, "..") : await inside(root, context)
  const path = relative(folder, file)
  if (path.startsWith("..")) throw new EngineError("permanent", "build: the Dockerfile is not inside the context")
  const parts: Buffer[] = []
  let left = limits.bytes
  let files = 0
  for await (const [path, found] of entries(folder)) {
    files += 1
    if (files > limits.entries || (found.isFile() && found.size > left)) throw tooLarge(limits)
    if (found.isDirectory()) continue
    const content = await read(path, found, relative(folder, path))
    left -= content.length
    parts.push(...packed(relative(folder, path), content, found.mode & 0o755))
  }
  return { tar: Buffer.concat([...parts, Buffer.alloc(2 * block)]), dockerfile: path.split(sep).join("/") }
}

/** The real path of something below the build directory; also when its name is repeated at the path's start. */
async function inside(root: string, path: string): Promise<string> {
  const base = await realpath(root).catch(() => {
    throw new EngineError("permanent", "build: the build directory does not exist")
  })
  const plain = path.replace(/^(\.\/)+/, "")
  const own = `${basename(base)}/`
  for (const candidate of plain.startsWith(own) ? [plain, plain.slice(own.length)] : [plain]) {
    const found = await realpath(join(base, candidate)).catch(() => undefined)
    // Equal only where no part of the way was a link.
    if (found !== undefined && found === join(base, candidate) && found.startsWith(`${base}${sep}`)) return found
  }
  throw new EngineError("permanent", `build: there is no ${path} in the build directory`)
}

const tooLarge = ({ bytes, entries }: typeof most) =>
  new EngineError(
    "permanent",
    `build: the context is larger than ${bytes / 2 ** 20} MiB or ${entries} files and folders`,
  )

/** Everything below a folder, folders too: they count. */
async function* entries(folder: string, root = folder): AsyncGenerator<[path: string, found: Stats]> {
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name)
    const found = await lstat(path).catch(unreadable(relative(root, path)))
    if (!found.isDirectory() && !found.isFile())
      throw new EngineError("permanent", `build: ${relative(root, path)} is neither a file nor a folder`)
    yield [path, found]
    if (found.isDirectory()) yield* entries(path, root)
  }
}

const unreadable = (name: string) => (): never => {
  throw new EngineError("permanent", `build: ${name} cannot be read`)
}

/** Content of the very file that was found, and nothing that took its place: a link, a queue that nobody writes to. */
async function read(path: string, found: Stats, name: string): Promise<Buffer> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(unreadable(name))
  try {
    const { ino, dev, nlink, size } = await file.stat()
    if (ino !== found.ino || dev !== found.dev || size !== found.size || (await realpath(path)) !== path)
      throw new EngineError("refused", `build: ${name} changed while it was read`)
    // Its other name may be anywhere, and the file a secret of somebody else.
    if (nlink > 1) throw new EngineError("permanent", `build: ${name} is a hard link; copy the file instead`)
    if (size === 0) return Buffer.alloc(0)
    const content = Buffer.alloc(size)
    const { bytesRead } = await file.read(content, 0, size, 0)
    if (bytesRead < size) throw new EngineError("refused", `build: ${name} changed while it was read`)
    return content
  } finally {
    await file.close()
  }
}

/** One file in ustar form (POSIX.1-1988 §10.1.1). */
function packed(path: string, content: Buffer, mode: number): Buffer[] {
  const header = Buffer.alloc(block)
  const [prefix, name] = splitName(path.split(sep).join("/"))
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`
  header.write(name, 0)
  header.write(
    octal(mode, 8) + octal(0, 8) + octal(0, 8) + octal(content.length, 12) + octal(0, 12) + " ".repeat(8) + "0",
    100,
    "latin1",
  )
  header.write("ustar\u000000", 257, "latin1")
  header.write(prefix, 345)
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
    "latin1",
  )
  return [header, content, Buffer.alloc((block - (content.length % block)) % block)]
}

function splitName(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ["", path]
  const cuts = [...path.matchAll(/\//g)].map(({ index }) => index)
  const cut = cuts.find((at) => Buffer.byteLength(path.slice(at + 1)) <= 100)
  if (cut === undefined || Buffer.byteLength(path.slice(0, cut)) > 155)
    throw new EngineError("permanent", `build: the name ${path.slice(0, 80)}… is too long`)
  return [path.slice(0, cut), path.slice(cut + 1)]
}
