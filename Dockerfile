# The image that the chart runs: one static binary and nothing else.
#
#     docker build --tag curfew:0.1.0 .
#
# Where this is developed no image can be built, so this file is not part of what the tests run.
# What it does can be done by hand on a machine with the target installed:
#
#     rustup target add x86_64-unknown-linux-musl
#     cargo build --release --locked --target x86_64-unknown-linux-musl
#
# Debian wants the package musl-tools for that.

# Alpine links against musl, so the binary needs no library at run time. The digest is what is built
# from, whatever becomes of the tag; a newer one is the line `Digest:` of
#
#     docker buildx imagetools inspect rust:1.95-alpine
FROM rust:1.95-alpine@sha256:606fd313a0f49743ee2a7bd49a0914bab7deedb12791f3a846a34a4711db7ed2 AS build
RUN apk add --no-cache build-base
WORKDIR /source
COPY . .
RUN cargo build --release --locked --bin curfew

FROM scratch
# The allocator gives memory back at once, and takes none in advance. With the same binary the peak
# under all attacks of `tests/attacks/run` was 156 MiB in place of 304, and after 65,000 reviews 18
# MiB were left in place of 27; a review took 6 % more of a processor.
ENV MIMALLOC_PURGE_DELAY=0 MIMALLOC_ARENA_EAGER_COMMIT=0 MIMALLOC_EAGER_COMMIT=0
COPY --from=build /source/target/release/curfew /usr/local/bin/curfew
# The chart's Pods have the same one; no user has to exist for it.
USER 65532:65532
# Reviews over HTTPS, then probes and metrics.
EXPOSE 10250 8080
ENTRYPOINT ["/usr/local/bin/curfew"]
