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

# Alpine links against musl, so the binary needs no library at run time.
FROM rust:1-alpine AS build
RUN apk add --no-cache build-base
WORKDIR /source
COPY . .
RUN cargo build --release --locked --bin curfew

FROM scratch
COPY --from=build /source/target/release/curfew /usr/local/bin/curfew
# The chart's Pods have the same one; no user has to exist for it.
USER 65532:65532
# Reviews over HTTPS, then probes and metrics.
EXPOSE 10250 8080
ENTRYPOINT ["/usr/local/bin/curfew"]
