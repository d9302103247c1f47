import { describe, expect, it } from "vitest"
import { examine, standInServer } from "./stand-in-server.ts"
import { permittedAddress } from "../../../src/api/diagnose/permitted-address.ts"

standInServer()

describe("the client that the check registered", () => {
  /** Hosts at which its removal was asked for. */
  const removals = async (place: (origin: string) => string) => {
    const asked: (string | undefined)[] = []
    await examine({
      "POST /register": (origin) => ({
        status: 201,
        body: { client_id: "c", registration_client_uri: place(origin), registration_access_token: "t" },
      }),
      "DELETE /register/c": (_, { headers }) => {
        asked.push(headers.host?.split(":")[0])
        return { status: 204 }
      },
    })
    return asked
  }

  it("is taken back where it was registered, and nothing is deleted anywhere else", async () => {
    expect(await removals((origin) => `${origin}/register/c`)).toEqual(["127.0.0.1"])
    expect(await removals((origin) => `${origin.replace("127.0.0.1", "localhost")}/register/c`)).toEqual([])
  })
})

describe("what a server elsewhere says of itself", () => {
  it("does not lead to this machine's own doors", () => {
    const allow = permittedAddress("https://mcp.example/mcp", (address) => address !== "169.254.169.254")
    expect(allow("203.0.113.7", "auth.example")).toBe(true)
    expect(allow("10.0.0.7", "auth.example")).toBe(true)
    expect(allow("169.254.169.254", "auth.example")).toBe(false)
    for (const address of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
      for (const host of ["auth.example", address]) expect([host, allow(address, host)]).toEqual([host, false])
  })

  it("may be on this machine where that is asked for", () => {
    expect(permittedAddress("https://mcp.example/mcp", () => true)("127.0.0.1", "mcp.example")).toBe(true)
    for (const url of ["http://127.0.0.1:8080/mcp", "http://[::1]:8080/", "https://mcp.localhost/mcp"])
      expect(permittedAddress(url, () => true)("127.0.0.1", "auth.localhost")).toBe(true)
  })
})
