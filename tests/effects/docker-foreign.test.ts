import { describe, expect, test } from "vitest"
import { dockerSite } from "./docker-site.ts"
import { join } from "node:path"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"

const site = dockerSite()

describe("a Dockerfile", () => {
  test("is built, with nothing of what lies outside or behind links", async () => {
    const place = join(site.folder, "builds/web")
    mkdirSync(place, { recursive: true })
    writeFileSync(
      join(place, "Dockerfile"),
      "FROM gatehouse/test-web:1\nARG WHAT=nothing\nRUN echo built $WHAT > /www/index.html\nCOPY note /www/note\n",
    )
    writeFileSync(join(place, "note"), "a note")
    await site.create({ image: null, dockerfile_path: "web/Dockerfile", build_args: { WHAT: "here" } })
    await site.reaches("running")
    expect([await site.ask(), await site.ask("/note")]).toEqual(["built here\n", "a note"])
    expect(site.node.history("web", "service")[1]).toBe("ServiceWorkStarted")
    symlinkSync("/etc", join(place, "etc"))
    await site.node.execute("CreateService", {
      service_name: "out",
      dockerfile_path: "web/Dockerfile",
      environment: [],
    })
    await site.reaches("failed", "out")
    expect(site.service("out")!.last_error!.detail).toContain("neither a file nor a folder")
    await site.node.execute("CreateService", {
      service_name: "link",
      dockerfile_path: "web/etc/passwd",
      environment: [],
    })
    await site.reaches("failed", "link")
    for (const name of ["web", "out", "link"])
      await site.node.execute("DeleteService", { service_name: name, force: true })
    for (const name of ["web", "out", "link"]) await site.reaches("gone", name)
    expect(await site.engine.docker("images", "-q", "--filter", "label=gatehouse.service")).toBe("")
  })
})

describe("containers of others", () => {
  test("are neither touched nor listed, also by name; orphans of our own go on request alone", async () => {
    await site.engine.docker("network", "create", "elsewhere")
    await site.engine.docker(
      "run",
      "-d",
      "--network",
      "elsewhere",
      "--name",
      "foreign",
      "--label",
      "gatehouse.installation=another",
      "--label",
      "gatehouse.service=web",
      "gatehouse/test-web:1",
    )
    await site.create()
    await site.reaches("running")
    const { ID, Names } = (await site.containers()).find(({ Names }) => Names !== "foreign")!
    const [{ Config }] = JSON.parse(await site.engine.docker("inspect", ID)) as [
      { Config: { Labels: Record<string, string> } },
    ]
    const labels = Object.entries({ ...Config.Labels, "gatehouse.service": "forgotten" }).flatMap(([name, value]) => [
      "--label",
      `${name}=${value}`,
    ])
    await site.engine.docker(
      "run",
      "-d",
      "--network",
      "elsewhere",
      "--name",
      "orphan",
      ...labels,
      "gatehouse/test-web:1",
    )
    const orphans = await site.node.engine.unrecorded()
    expect(orphans.map(({ service }) => service)).toEqual(["forgotten"])
    expect(await site.node.engine.removeUnrecorded(ID)).toBe(false)
    expect(await site.node.engine.removeUnrecorded(orphans[0]!.container_id)).toBe(true)

    // A foreign container has the name that the next one of ours would get.
    await site.engine.docker(
      "run",
      "-d",
      "--network",
      "elsewhere",
      "--name",
      Names.replace(".1.", ".2.").replace(`.${site.firstPort}`, `.${site.firstPort + 1}`),
      "gatehouse/test-web:1",
    )
    await site.update({ memory_limit: "64m" })
    await site.reaches("running")
    expect(site.service()!.last_error!.detail).toContain("not ours")
    await site.remove()
    await site.reaches("gone")
    expect(
      (await site.containers())
        .map(({ Names, State }) => [Names.startsWith("web.") ? "web" : Names, State])
        .sort((a, b) => (String(a) < String(b) ? -1 : 1)),
    ).toEqual([
      ["foreign", "running"],
      ["web", "running"],
    ])
  })
})
