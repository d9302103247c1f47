import * as z from "zod"
import { sortedSlice } from "./sorted-slice.ts"

/** Whole number in a query. */
export function integer<D extends number | undefined>(min: number, max: number, fallback: D) {
  const number = z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text), "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max))
  return (fallback === undefined ? number.optional() : number.default(fallback)).meta({
    type: "integer",
    minimum: min,
    maximum: max,
    ...(fallback !== undefined && { default: fallback }),
  }) as unknown as z.ZodType<D extends number ? number : number | undefined, string | undefined>
}

/** Truth value in a query: `true`, `false`, `1` or `0`. */
export function flag(fallback: boolean) {
  return z
    .stringbool({ truthy: ["true", "1"], falsy: ["false", "0"] })
    .default(fallback)
    .meta({ type: "boolean", default: fallback })
}

/** The same without a default: absent does not filter. */
export function filterFlag() {
  return z
    .stringbool({ truthy: ["true", "1"], falsy: ["false", "0"] })
    .optional()
    .meta({ type: "boolean" })
}

/** What every list may be asked for. @param sorts fields, the first is the default */
export function listQuery<S extends string>(sorts: readonly [S, ...S[]], order: "asc" | "desc" = "asc") {
  return z.strictObject({
    page: integer(1, 1_000_000, 1),
    per_page: integer(1, 100, 20),
    sort_by: z.enum(sorts).default(sorts[0] as never),
    order: z.enum(["asc", "desc"]).default(order),
  })
}

/** Where a page stands in its list. */
const Pagination = z
  .strictObject({ total: z.int(), page: z.int(), per_page: z.int(), pages: z.int() })
  .meta({ id: "Pagination" })

/** Schema of a list's answer. */
export function listOf<T extends z.ZodType>(collection: string, item: T) {
  return z.strictObject({ [collection]: z.array(item), pagination: Pagination })
}

interface ListQuery {
  readonly page: number
  readonly per_page: number
  readonly order: "asc" | "desc"
}

/** Numbers of a page. */
export function pagination(
  total: number,
  { page, per_page }: Pick<ListQuery, "page" | "per_page">,
): z.infer<typeof Pagination> {
  return { total, page, per_page, pages: Math.ceil(total / per_page) }
}

/**
 * One page of a list, sorted by a key and, where that is equal, by a name that is unique. A page past the end is empty.
 * @param view what is shown of an item; called for this page's items only
 */
export function listPage<T, V>(
  collection: string,
  items: readonly T[],
  query: ListQuery,
  key: (item: T) => string | number | boolean,
  name: (item: T) => string,
  view: (item: T) => V,
): Record<string, unknown> {
  const direction = query.order === "asc" ? 1 : -1
  const order = (a: T, b: T) => direction * (compare(key(a), key(b)) || compare(name(a), name(b)))
  const from = (query.page - 1) * query.per_page
  return {
    [collection]: sortedSlice(items, from, from + query.per_page, order).map(view),
    pagination: pagination(items.length, query),
  }
}

function compare<K extends string | number | boolean>(a: K, b: K): number {
  return a < b ? -1 : a > b ? 1 : 0
}
