# The loadgen image for cluster testbeds: origin, generator and agent are one program.
#
#   docker build -t localhost/loadgen:dev .
#
# The builder's version is that of rust-toolchain.toml; it has the C compiler that aws-lc needs.
FROM rust:1.95.0-bookworm AS build
WORKDIR /source
COPY . .
# The commit is not in the image's context; the program then says that it is unknown.
RUN cargo build --locked --release -p loadgen && strip target/release/loadgen

# glibc and nothing else: no shell, no package manager. 65532 is its user without rights.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /source/target/release/loadgen /loadgen
USER 65532:65532
ENTRYPOINT ["/loadgen"]
