# The image of kvlint, see docs/container.md. tests/container.py runs these steps, with and without docker.
# The digest is that of the image for all platforms. Dependabot updates tag and digest together.
FROM python:3.13-slim-trixie@sha256:8d9d0b8bcf6506481eae4907c18f5e3e7902e629f5f6d684f9e7c32e85e3ddf0 AS base

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /build
# All packages come from the lock file, those of the build too. Only those that kvlint needs at run time are installed
# into /opt/kvlint, which has no pip.
COPY .github/action/requirements.txt ./
RUN python -m venv tools \
 && tools/bin/pip download --quiet --no-deps --require-hashes --only-binary=:all: --dest wheels --requirement requirements.txt \
 && tools/bin/pip install --quiet --no-deps --no-index --find-links wheels --requirement requirements.txt
COPY pyproject.toml hatch_build.py README.md LICENSE ./kvlint/
COPY src ./kvlint/src
COPY rules ./kvlint/rules
RUN tools/bin/pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir built ./kvlint \
 && python -m venv --without-pip /opt/kvlint \
 && tools/bin/pip --python /opt/kvlint/bin/python install --quiet --no-index --find-links wheels built/*.whl \
 && tools/bin/pip --python /opt/kvlint/bin/python check

FROM base
LABEL org.opencontainers.image.title="kvlint" \
      org.opencontainers.image.description="A linter for Azure Key Vault in infrastructure code" \
      org.opencontainers.image.source="https://github.com/kvlint/kvlint" \
      org.opencontainers.image.documentation="https://github.com/kvlint/kvlint/blob/main/docs/container.md" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/kvlint /opt/kvlint
ENV PATH=/opt/kvlint/bin:$PATH PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can verify that it is not root.
USER 65532:65532
WORKDIR /src
ENTRYPOINT ["kvlint"]
CMD ["."]
