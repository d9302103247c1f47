import { type Destination, type Unavailable, routeDestination } from "./destination.ts"
import { all, find } from "../events/world.ts"
import type { Projections } from "./projections.ts"
import type { Route } from "../events/route.ts"
import { type RouteTable, routeTable } from "./route-table.ts"

/** Read model: which route a request takes, and where that leads. */
export interface Routes extends Pick<RouteTable, "match"> {
  /** The same value as long as nothing changes that the route may lead to. */
  destination(route: Route): Destination | Unavailable
  close(): void
}

/** Kinds whose changes may move the destination of a route. */
const places: ReadonlySet<string> = new Set(["instance", "proxy", "service"])

/** Follows the routes of the log; one event changes one entry. */
export function routes(projections: Projections): Routes {
  const table = routeTable(all(projections.world, "route"))
  let destinations = new WeakMap<Route, Destination | Unavailable>()
  const stop = projections.listen((events, world) => {
    for (const id of new Set(events.filter(({ kind }) => kind === "route").map((event) => event.id)))
      table.put(id, find(world, "route", id))
    if (events.some(({ kind }) => places.has(kind))) destinations = new WeakMap()
  })
  return {
    match: table.match,
    destination(route) {
      const known = destinations.get(route)
      if (known !== undefined) return known
      const found = routeDestination(projections.world, route)
      destinations.set(route, found)
      return found
    },
    close: stop,
  }
}
