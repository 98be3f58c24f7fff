# The TGI container. Built from the root of the repository:
#
#   docker build -f deploy/service.Dockerfile -t your_org/tgi_client_inference_service .
#
# Another base image, such as one of a private registry: --build-arg PYTHON_IMAGE=…
# Another source of Python packages: --build-arg PIP_INDEX_URL=…; or, with the packages in a directory
# of the base image and no network, PIP_NO_INDEX=1 and PIP_FIND_LINKS=/directory.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
WORKDIR /source
COPY requirements/service.lock requirements/service.lock
RUN python -m venv /opt/tgi-service \
    && /opt/tgi-service/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements/service.lock
COPY pyproject.toml README.md LICENSE ./
COPY protocol protocol
COPY service service
# The wheel has a place for every room; the container needs two of them. Everything that
# `.[service]` wants is there already, at the versions of the lock.
RUN mkdir -p node/infernet_node client/infernet_client contracts/testing/infernet_testing \
    && /opt/tgi-service/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
    && /opt/tgi-service/bin/pip check

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
    tgi-service
COPY --from=build /opt/tgi-service /opt/tgi-service
ENV PATH=/opt/tgi-service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RUNTIME=docker
USER tgi-service
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/', timeout=4)"]
# What follows the image's name, or stands in the node's `command`, becomes its options.
ENTRYPOINT ["tgi-service"]
