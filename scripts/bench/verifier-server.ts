import { createPublicKey } from "node:crypto"
import { createServer } from "node:http"
import { jwtVerify } from "jose"
import { readFileSync } from "node:fs"

/**
 * A forward-auth service as people write it: verifies the bearer token with jose on every request and names the subject.
 * Arguments: port, file with the public key (PEM), issuer, audience.
 */
const [port, keyFile, issuer, audience] = process.argv.slice(2) as [string, string, string, string]
const key = createPublicKey(readFileSync(keyFile))
const expected = { issuer, audience, algorithms: ["RS256"], typ: "at+jwt" }

async function subjectOf(authorization = ""): Promise<string | undefined> {
  try {
    const { payload } = await jwtVerify(authorization.replace(/^Bearer /, ""), key, expected)
    return payload.sub
  } catch {
    return undefined
  }
}

createServer((request, response) => {
  void subjectOf(request.headers.authorization).then((subject) => {
    if (subject === undefined) response.writeHead(401).end()
    else response.writeHead(200, { "X-Auth-User-Id": subject, "Content-Length": 0 }).end()
  })
}).listen(Number(port), "127.0.0.1")
