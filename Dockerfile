# The image holds what `make image-root` lays out and nothing else: no shell, no package manager, user 65532.
#   docker build -t REGISTRY/driftmend:0.1.0 .
#
# A tag may be moved. To build on exactly one base image, name it by its digest, as `docker buildx imagetools inspect` prints it:
#   docker build --build-arg BASE=rust:1.95.0-bookworm@sha256:… -t REGISTRY/driftmend:0.1.0 .
ARG RUST=1.95.0
ARG BASE=rust:${RUST}-bookworm

FROM ${BASE} AS build
ARG RUST
# The compiler of the image, not the one that rustup would fetch with the parts for lint.
ENV RUSTUP_TOOLCHAIN=${RUST}
# The base image may be older than the last fix of OpenSSL, whose library goes into the image.
RUN apt-get update && apt-get upgrade -y && apt-get install -y --no-install-recommends ca-certificates libssl-dev make pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make release image-root

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="driftmend" \
      org.opencontainers.image.description="Sees a live Deployment leave its Git source, predicts the next sync's refusal, and heals it after a person approves." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /src/target/image-root /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/driftmend"]
CMD ["controller"]
