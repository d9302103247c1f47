import { type Recipe, argument, optional } from "../recipe.ts"

/** What a list is of, and where it comes from. */
interface Listing extends Pick<Recipe, "name" | "group" | "doc"> {
  readonly operationId: string
  readonly collection: string
  /** Takes a token, whose objects are listed. */
  readonly token?: true
}

/** A recipe that shows a list. */
export function listing({ operationId, collection, token, ...recipe }: Listing): Recipe {
  return {
    ...recipe,
    parameters: token === true ? [optional("token")] : [],
    async run(session, args) {
      const caller = await session.token(token === true ? argument(args, "token") : "")
      session.show(await session.list(operationId, collection, { token: caller }))
    },
  }
}
