# Everything that is done with Gatehouse. `just` alone lists it; without just installed: npx -y rust-just <recipe>
# Settings come from the environment, then from .env; the programs below read both, so that no secret is exported here.

set shell := ["sh", "-eu", "-c"]
set positional-arguments := true
set quiet := true

export PATH := justfile_directory() / "node_modules/.bin" + ":" + env("PATH") + ":/usr/sbin:/sbin"

# Compiled modules are kept: a command takes half the CPU time from its second run on.
export NODE_COMPILE_CACHE := env("NODE_COMPILE_CACHE", justfile_directory() / "node_modules/.cache/node")

# Default of arguments that must be given. just itself would end with 1 where one is left out; the commands know this word and end with 2.
required := "<required>"

import? 'just/manage.just'
import 'just/tests.just'

# Lists the recipes
[group('help')]
help:
    just --list --unsorted

# Installs npm packages with Node.js 24, and redis-server unless REDIS_URL names another Redis
[private]
_installed:
    if [ -n "${REDIS_URL:-}" ] || grep -qs '^REDIS_URL=.' .env; then scripts/bootstrap.sh; else scripts/bootstrap.sh redis-server:redis-server redis-cli:redis-tools; fi

# Installs the npm packages alone
[private]
_packages:
    scripts/bootstrap.sh

# Installs also what only development and the demo need
[private]
_develop:
    scripts/bootstrap.sh --develop

# Installs what is missing, makes .env, starts Redis and Gatehouse, waits until ready. `just up docker`: by compose.yaml
[group('run')]
up *mode: _installed
    node scripts/stack.ts up "$@"

# Stops what `up` started; data stays
[group('run')]
down: _packages
    node scripts/stack.ts down

# Stops and starts again, as it was started
[group('run')]
restart: _installed
    node scripts/stack.ts restart

# Builds a compose service anew and starts it; without containers: installs packages anew and restarts. `just rebuild world`: folds the log anew
[group('run')]
rebuild service="proxy" *flags: _installed
    if [ "${1:-}" = world ]; then node src/cli.ts rebuild-projection "$@"; else node scripts/stack.ts rebuild "$@"; fi

# Writes an archived log into an empty Redis: the own one, or that of REDIS_URL
[group('run')]
restore *folder: _installed
    if [ -z "${REDIS_URL:-}" ] && ! grep -qs '^REDIS_URL=.' .env; then node scripts/stack.ts redis-up >&2; fi
    node scripts/restore.ts "$@"

# Installs what is missing and makes .env; starts nothing
[group('run')]
setup: _installed
    node scripts/stack.ts setup

# Runs here, with its own Redis, and starts again on every change below src
[group('run')]
dev: _installed
    node scripts/stack.ts dev

# Follows the log of gatehouse (default), redis or supervisor; follow=false ends after the last 100 lines
[group('run')]
logs *service: _packages
    node scripts/stack.ts logs "$@"

# A shell where Gatehouse runs
[group('run')]
shell: _packages
    node scripts/stack.ts shell

# A redis-cli that is signed in to the Redis of this copy
[group('run')]
redis-cli *args: _installed
    node scripts/stack.ts redis-cli "$@"

# Starts the own Redis alone, for repairs
[group('run')]
redis-up: _installed
    node scripts/stack.ts redis-up

# Is it healthy? Exit status 0 only if so
[group('look')]
health *flags: _packages
    node src/cli.ts health "$@"

# Counts per kind and status, positions, rates
[group('look')]
stats *flags: _packages
    node src/cli.ts stats "$@"

# Every variable as it is in effect, and where it comes from; secrets masked. Works without a running Gatehouse
[group('look')]
[no-exit-message]
config *flags: _packages
    node src/cli.ts config "$@"

# Opens the web UI
[group('look')]
web-ui: _packages
    node scripts/stack.ts web-ui

# An MCP server behind OAuth on mcp.localhost, and one real call to it. `just demo --yes` asks nothing
[group('demo')]
demo *flags: _develop _installed
    node scripts/stack.ts up >&2
    node scripts/demo.ts up "$@"

# Takes the demo away again: server, proxy, names in /etc/hosts
[group('demo')]
demo-down *flags: _packages
    node scripts/demo.ts down "$@"

# Makes a new ADMIN_TOKEN in .env; asks before it replaces one
[group('secrets')]
generate-admin-token *flags: _packages
    node scripts/generate-secret.ts ADMIN_TOKEN "$@"

# Makes a new OAUTH_JWT_PRIVATE_KEY_B64 in .env; asks before it replaces one
[group('secrets')]
generate-oauth-key *flags: _packages
    node scripts/generate-secret.ts OAUTH_JWT_PRIVATE_KEY_B64 "$@"

# Format, lint, types, unused exports, import directions; changes nothing
[group('develop')]
check: lint
    vitest run tests/architecture.test.ts

# Format, lint with types, types, unused exports; changes nothing
[group('develop')]
lint: _develop
    oxfmt --check
    oxlint
    tsc -p .
    knip

# Formats the sources
[group('develop')]
format: _develop
    oxfmt

# Writes .env.example from the variables in src/platform/config.ts
[group('develop')]
env-example: _packages
    node scripts/env-example.ts

# Measures the gateway against its peers on this machine; options: just bench --help
[group('develop')]
bench *options: _develop
    scripts/bootstrap.sh --develop redis-server:redis-server wrk:wrk nginx:nginx caddy:caddy
    node scripts/bench/bench.ts "$@"

# Measures the admin API: a write against a bare XADD on the same Redis, a read, a list; options: just bench-api --help
[group('develop')]
bench-api *options: _installed
    node scripts/bench/api.ts "$@"

# Measures token issue against oidc-provider on the same Redis: just bench-oauth [--rounds N] [--codes N] [--quick]
[group('develop')]
bench-oauth *options: _develop
    scripts/bootstrap.sh --develop redis-server:redis-server
    node scripts/bench-oauth/bench.ts "$@"

# Measures the log with a million events: cold start, memory, replay; `--events N`, `--rounds N`
[group('develop')]
bench-log *options: _develop
    scripts/bootstrap.sh --develop redis-server:redis-server
    node scripts/bench/log.ts "$@"

# Writes the generated pages of docs/ from the tables in src
[group('develop')]
docs-pages: _packages
    node scripts/docs-pages.ts

# Writes the types of clients/gatehouse-events from the schemas of the events
[group('develop')]
events-client: _packages
    node scripts/events-client.ts
    oxfmt clients

# Builds the documentation site into docs/.vitepress/dist
[group('develop')]
docs-build: _develop
    vitepress build docs

# Serves the documentation while it is written
[group('develop')]
docs-dev: _installed
    vitepress dev docs --host 127.0.0.1
