#!/bin/sh
# Regenerate the lock files: exact versions with hashes, for every supported Python, without an index.
# Needs `uv` on the PATH (pip install uv). Run it at the top of the repository.
set -eu
options="--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --quiet"
# shellcheck disable=SC2086
uv pip compile pyproject.toml --extra embedded --group build $options --custom-compile-command ops/lock.sh \
    --output-file requirements.txt "$@"
# shellcheck disable=SC2086
uv pip compile pyproject.toml --extra embedded --extra parquet --extra traces --group build --group dev $options \
    --constraint requirements.txt --custom-compile-command ops/lock.sh \
    --output-file requirements-dev.txt "$@"
