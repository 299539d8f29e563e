# The agent's image: it puts the agent into /addon, a volume that build containers mount read-only, and ends.
#
#   make binary
#   docker build --file packaging/agent.Dockerfile --tag registry.example.com/holdfast/agent .
#   docker run --rm --volume holdfast:/addon registry.example.com/holdfast/agent
#
# For arm64, `make binary-arm64`, and build with --platform linux/arm64 --build-arg AGENT=dist/agent-arm64.
#
# One static file: no shell, no libc, nobody's name. An init container of a Pod is all that it need be.
FROM debian:bookworm-slim AS directory
# A new volume is whose this directory is, so nobody need be root to write into it.
RUN install --directory --owner=65532 --group=65532 /made/addon

FROM scratch
COPY --from=directory /made/ /
ARG AGENT=dist/agent
COPY $AGENT /agent
USER 65532:65532
ENTRYPOINT ["/agent", "install", "/addon"]
