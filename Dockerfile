# An image with greenlit and Debian's FFmpeg libraries:
#
#   docker build -t greenlit . && docker run --rm -v "$PWD:/work" greenlit check clips
#
# greenlit is under MIT or Apache-2.0. Debian builds FFmpeg with --enable-gpl, so the image as a whole is under the GPL,
# version 2 or later. Who passes the image on must also offer the source of these libraries (PACKAGING.md, "Licences").
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN scripts/setup.sh && make deb

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="greenlit" \
      org.opencontainers.image.description="Checks, fixes and ships videos for ad platforms" \
      org.opencontainers.image.licenses="MIT AND GPL-2.0-or-later"
# The package depends on the libraries that its programs were linked with.
RUN --mount=type=bind,from=build,source=/src/target/deb,target=/deb \
    apt-get update && apt-get install -y --no-install-recommends /deb/*.deb && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home greenlit
USER greenlit
WORKDIR /work
ENTRYPOINT ["greenlit"]
CMD ["--help"]
