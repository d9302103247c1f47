# Gatehouse without the development packages. Build and run it with `just up docker`, or by hand:
#   docker build -t gatehouse .
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
# The image brings its own Node.js, so that the package `node` needs no binary: no install script runs.
COPY package.json package-lock.json ./
RUN npm install --omit=dev --no-save --ignore-scripts --no-audit --no-fund --prefer-offline && \
    rm -rf node_modules/rust-just* node_modules/.bin node_modules/node /root/.npm
# A copy of node that may bind ports below 1024 as an ordinary user, and nothing more.
RUN command -v setcap >/dev/null || { apt-get update && apt-get install -y --no-install-recommends libcap2-bin; } && \
    mkdir bin && cp "$(command -v node)" bin/node && setcap cap_net_bind_service=+ep bin/node && \
    bin/node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 24 || (a == 24 && b >= 18) ? 0 : 1)'

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production GATEHOUSE_HOME=/data
RUN mkdir /data && chown 1000:1000 /data
VOLUME /data
COPY --from=packages /app ./
COPY src ./src
USER 1000:1000
EXPOSE 80 443
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
    CMD ["/app/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.API_PORT || 9000}/health`).then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"]
CMD ["/app/bin/node", "src/main.ts"]
