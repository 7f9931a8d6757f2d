# The gateway as an image, and its example workers as another one:
#
#   docker build -t sluice .                       gateway and sluicectl
#   docker build -t sluice-worker --target worker .
#
# Where no registry can be reached, scripts/build-image makes the base and both of them.
ARG DEBIAN=12
ARG BASE=docker.io/library/debian:${DEBIAN}-slim

FROM ${BASE} AS build
WORKDIR /src
# Of its own, so that a change in the code does not install the packages again.
COPY scripts/install-deps scripts/install-deps
RUN scripts/install-deps build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY version version
COPY proto proto
COPY client/cpp client/cpp
COPY server server
# A compiler process takes up to 1 GiB: --build-arg JOBS=N where memory is short.
ARG JOBS=
ARG REVISION=
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset package -DSLUICE_COMMIT="$REVISION" && \
    cmake --build --preset package -j "${JOBS:-$(nproc)}" \
          --target sluice-gateway sluicectl sluice-echo-worker sluice-temperature-alarm && \
    install -D -s -t /out/gateway build/release/bin/sluice-gateway build/release/bin/sluicectl && \
    install -D -s -t /out/worker build/release/bin/sluice-echo-worker build/release/bin/sluice-temperature-alarm

FROM ${BASE} AS runtime
RUN --mount=type=bind,source=scripts/install-deps,target=/tmp/install-deps \
    /tmp/install-deps run && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log /var/log/alternatives.log && \
    groupadd --gid 65532 sluice && \
    useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sluice
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=
LABEL org.opencontainers.image.vendor="Sluice" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

FROM runtime AS worker
ARG BASE
LABEL org.opencontainers.image.title="sluice-worker" \
      org.opencontainers.image.description="Example workers of Sluice: sluice-echo-worker and sluice-temperature-alarm" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /out/worker/ /usr/bin/
USER 65532:65532
ENTRYPOINT ["/usr/bin/sluice-echo-worker"]
CMD ["--help"]

FROM runtime AS gateway
ARG BASE
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="A gateway between MQTT and gRPC that loses nothing it has acknowledged" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /out/gateway/ /usr/bin/
# The journal and the dead letters: the only place that is written to. A volume, or they would end with the container.
RUN install -d /etc/sluice && install -d -o 65532 -g 65532 -m 0750 /var/lib/sluice
VOLUME /var/lib/sluice
USER 65532:65532
EXPOSE 7443 9090
ENTRYPOINT ["/usr/bin/sluice-gateway"]
CMD ["--config", "/etc/sluice/gateway.yaml"]
