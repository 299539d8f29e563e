# The agent's image: it puts the agent into /addon, a volume that build containers mount read-only, and ends.
#
#   make binary
#   docker build --file packaging/agent.Dockerfile --tag registry.example.com/holdfast/agent .
#   docker run --rm --volume holdfast:/addon registry.example.com/holdfast/agent
#
# One static file, for x86_64: no shell, no libc, nobody's name. An init container of a Pod is all that it need be.
FROM debian:bookworm-slim AS directory
# A new volume is whose this directory is, so nobody need be root to write into it.
RUN install --directory --owner=65532 --group=65532 /made/addon

FROM scratch
COPY --from=directory /made/ /
COPY dist/agent /agent
USER 65532:65532
ENTRYPOINT ["/agent", "install", "/addon"]
