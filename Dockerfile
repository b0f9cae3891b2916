# The image of stillgate: `serve` by default, any other verb as the command, for example `analyse`.
#
# The health check knows `serve` and `analyse`. Any other verb that stays, `mock-upstream`, needs a check of its own, as in
# deploy/compose.yaml, or `docker run --no-healthcheck`: by this one it would be unhealthy for ever.
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t stillgate:0.1.0 .

ARG PYTHON=python:3.13.15-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ONLY_BINARY=:all:
WORKDIR /src
# The pins before the source: they change seldom, the source with every commit. The environment itself gets no installer.
COPY requirements.txt ./
COPY deploy/image/build-requirements.txt ./deploy/image/
RUN ["python", "-m", "venv", "--without-pip", "/opt/stillgate"]
RUN ["python", "-m", "pip", "--python", "/opt/stillgate", "install", "--require-hashes", "-r", "requirements.txt"]
RUN ["python", "-m", "pip", "install", "--require-hashes", "-r", "deploy/image/build-requirements.txt"]
COPY pyproject.toml README.md LICENSE ./
COPY policies ./policies
COPY proxy ./proxy
# Without isolation the backend is the one pinned above; with it pip would fetch whichever is newest.
RUN ["python", "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "/dist", "."]
RUN ["python", "-m", "pip", "--python", "/opt/stillgate", "install", "--no-deps", "--no-index", "--find-links", "/dist", "stillgate"]

FROM ${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="stillgate" \
      org.opencontainers.image.description="A reverse proxy that enforces quotas and finds distillation campaigns in front of a model API." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/stillgate /opt/stillgate
COPY deploy/image/healthcheck.py /opt/stillgate/healthcheck.py
# Addresses are variables, not flags, so that the health check finds the port that was really chosen.
ENV PATH="/opt/stillgate/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STILLGATE_LISTEN=0.0.0.0:8080 \
    STILLGATE_ADMIN=0.0.0.0:9464 \
    STILLGATE_METRICS_LISTEN=0.0.0.0:9092
# A number, which Kubernetes can check for `runAsNonRoot`. Nothing is written but to /tmp: mount a tmpfs there.
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080 9464 9092
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "/opt/stillgate/healthcheck.py"]
ENTRYPOINT ["stillgate"]
CMD ["serve"]
