# The node, in any of its roles. Built from the root of the repository:
#
#   docker build -f deploy/node.Dockerfile -t your_org/infernet-node .
#   docker run -v ./config.json:/etc/infernet/config.json:ro -p 4000:4000 your_org/infernet-node
#
# Another base image: --build-arg PYTHON_IMAGE=…; another source of Python packages: as in
# service.Dockerfile.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
WORKDIR /source
COPY requirements/node.lock requirements/node.lock
RUN python -m venv /opt/infernet-node \
    && /opt/infernet-node/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements/node.lock
COPY pyproject.toml README.md LICENSE ./
COPY protocol protocol
COPY node node
# The wheel has a place for every room; the node needs two of them. Everything that
# `.[node,fleet]` wants is there already, at the versions of the lock.
RUN mkdir -p service/tgi_service client/infernet_client contracts/testing/infernet_testing \
    && /opt/infernet-node/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
    && /opt/infernet-node/bin/pip check

FROM ${PYTHON_IMAGE}
# Log, lock files and, unless store.url names another one, the store.
RUN useradd --uid 10001 --create-home --home-dir /var/lib/infernet --shell /usr/sbin/nologin \
    infernet
COPY --from=build /opt/infernet-node /opt/infernet-node
ENV PATH=/opt/infernet-node/bin:$PATH \
    INFERNET_CONFIG_PATH=/etc/infernet/config.json \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RUNTIME=docker
USER infernet
WORKDIR /var/lib/infernet
EXPOSE 4000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4000/health', timeout=4)"]
# run, api, worker, chain, or any other command of infernet-node.
ENTRYPOINT ["infernet-node"]
CMD ["run"]
