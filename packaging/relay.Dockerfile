# The relay's image: `relay serve` on 8080 (agents, API) and 2222 (ssh), its database and host key in /var/lib/holdfast.
#
#   docker build --file packaging/relay.Dockerfile --tag registry.example.com/holdfast/relay .
#   docker run --read-only --volume relay:/var/lib/holdfast --publish 8080:8080 --publish 2222:2222 \
#       registry.example.com/holdfast/relay
#
# Other commands run beside it: docker exec CONTAINER relay token list
FROM debian:bookworm-slim AS build
# Debian's stable release changes nothing but what is broken.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# For a mirror of PyPI: --build-arg PIP_OPTIONS="--index-url https://pypi.example.com/simple". The hashes stay the lock's.
ARG PIP_OPTIONS
COPY packaging/relay.lock ./
# hadolint ignore=SC2086
RUN python3 -m venv /opt/holdfast \
    && /opt/holdfast/bin/pip install $PIP_OPTIONS --no-cache-dir --require-hashes --requirement relay.lock
COPY LICENSE README.md pyproject.toml ./
COPY agent/ agent/
COPY relay/ relay/
COPY tunnel/ tunnel/
# What has installed it has no business in the image.
RUN /opt/holdfast/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/holdfast/bin/pip uninstall --yes setuptools pip

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --mode=0700 --owner=65532 --group=65532 /var/lib/holdfast
COPY --from=build /opt/holdfast /opt/holdfast
COPY packaging/relay-health.py /opt/holdfast/relay-health.py
ENV PATH=/opt/holdfast/bin:/usr/local/bin:/usr/bin:/bin \
    XDG_STATE_HOME=/var/lib \
    HOLDFAST_RELAY_HTTP=0.0.0.0:8080 \
    HOLDFAST_RELAY_SSH=0.0.0.0:2222
VOLUME /var/lib/holdfast
EXPOSE 8080 2222
USER 65532:65532
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "/opt/holdfast/relay-health.py"]
ENTRYPOINT ["relay"]
CMD ["serve"]
