# The image of the actions, and of `docker run IMAGE verify --help`. GitHub builds it in every job
# that uses an action, so it is small, and asks of the builder no more than the classic one can do.

# A tag, not a digest: a digest must be seen in the registry, and kept up with by somebody.
FROM python:3.11-slim-bookworm AS base

# What is run is hash-locked, and moved into the image whole: what only the build needs stays here.
# Nobody changes what is in an image: Python need not compare a module with its source.
FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
# pip is the base's own, whose Python may be managed by Debian: it installs into environments only.
RUN python3 -m venv --without-pip /opt/ghcr-signer \
    && python3 -m venv --without-pip /build/environment
COPY requirements/build.txt requirements/runtime.txt /build/requirements/
# Some bring their tests along, actions-toolkit as a package that is named `tests`.
RUN python3 -m pip --python /build/environment/bin/python3 install \
        --require-hashes --requirement /build/requirements/build.txt \
    && python3 -m pip --python /opt/ghcr-signer/bin/python3 install --no-compile \
        --require-hashes --requirement /build/requirements/runtime.txt \
    && find /opt/ghcr-signer -type d -name tests -prune -exec rm -r {} + \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/ghcr-signer/lib
COPY pyproject.toml README.md LICENSE /build/source/
COPY src /build/source/src
# Of the programs that the environment has, ours and Python remain.
RUN python3 -m pip --python /build/environment/bin/python3 wheel \
        --no-deps --no-build-isolation --wheel-dir /build/wheel /build/source \
    && python3 -m pip --python /opt/ghcr-signer/bin/python3 install --no-compile \
        --no-deps /build/wheel/*.whl \
    && python3 -m compileall -q --invalidation-mode unchecked-hash \
        /opt/ghcr-signer/lib/python3.*/site-packages/ghcr_signer \
    && find /opt/ghcr-signer/bin -type f ! -name ghcr-signer -delete

FROM base
# Debian's present git, with its security updates: a version that is pinned here would vanish.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/ghcr-signer /opt/ghcr-signer
COPY entrypoint.py /ghcr-signer/
COPY collect/entrypoint.py /ghcr-signer/collect/
COPY comment/entrypoint.py /ghcr-signer/comment/
COPY verify/entrypoint.py /ghcr-signer/verify/
COPY publish/entrypoint.py /ghcr-signer/publish/
ENV PATH=/opt/ghcr-signer/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["ghcr-signer"]
