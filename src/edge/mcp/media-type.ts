import { headerValue } from "../credentials.ts"

/** Is the body announced as JSON in UTF-8 (RFC 8259 §11)? */
export function isJson(rawHeaders: readonly string[]): boolean {
  const type = headerValue(rawHeaders, "content-type") ?? ""
  return /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i.test(type)
}

/** Is there no content coding (RFC 9110 §8.4)? */
export function isPlain(rawHeaders: readonly string[]): boolean {
  const coding = headerValue(rawHeaders, "content-encoding")
  return coding === undefined || coding.toLowerCase() === "identity"
}
