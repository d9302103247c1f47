import type { Handler } from "./authorization-server.ts"
import { all } from "../events/world.ts"

/** `GET /jwks`: public keys of every token that may still be good (RFC 7517 §5). */
export const jwks: Handler = ({ projections }) => {
  const keys = [...all(projections.world, "signing-key")].map(({ kid, algorithm, public_jwk }) => ({
    ...public_jwk,
    alg: algorithm,
    use: "sig",
    kid,
  }))
  return Response.json({ keys }, { headers: { "cache-control": "public, max-age=300" } })
}
