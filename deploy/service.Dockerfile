# syntax=docker/dockerfile:1
# The TGI container. Built from the root of the repository:
#
#   docker build -f deploy/service.Dockerfile -t your_org/tgi_client_inference_service .
#
# Another base image, such as one of a private registry: --build-arg PYTHON_IMAGE=…
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY protocol protocol
COPY service service
# The wheel has a place for every room; the container needs two of them.
RUN mkdir -p node/infernet_node client/infernet_client \
    && python -m venv /opt/tgi-service \
    && /opt/tgi-service/bin/pip install --no-cache-dir --disable-pip-version-check '.[service]'

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent tgi-service
COPY --from=build /opt/tgi-service /opt/tgi-service
ENV PATH=/opt/tgi-service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RUNTIME=docker
USER tgi-service
EXPOSE 3000
# Two seconds more than the service takes to stop by itself: see --stop-timeout of the node.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/', timeout=4)"]
# What follows the image's name, or stands in the node's `command`, becomes its options.
ENTRYPOINT ["tgi-service"]
