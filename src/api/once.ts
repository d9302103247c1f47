/** Makes a value with the first call and keeps it: for documents that anybody may ask for and that are always the same. */
export function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}
