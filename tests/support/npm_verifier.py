"""Verification of deliveries by the npm packages `standardwebhooks` and `svix`, if Node is there.

Tests do not install the packages: `npm ci --ignore-scripts` in `tests/support/npm` does, which CI
runs.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "npm"
ACCEPTED = ["accepted", "accepted"]
REFUSED = ["WebhookVerificationError", "WebhookVerificationError"]


def verify_with_npm(deliveries: Iterable[tuple[str, Mapping[str, str], bytes]]) -> list[list[str]]:
    """The results of both packages for each delivery; skips the test if they are not installed.

    A delivery is its secret, headers and body.
    """
    if (node := shutil.which("node")) is None:
        pytest.skip("Node is not on this machine")
    if not (FOLDER / "node_modules").exists():
        pytest.skip("the packages are not installed: npm ci --ignore-scripts in tests/support/npm")
    lines = [
        json.dumps(
            {"secret": secret, "headers": {**headers}, "body": base64.b64encode(body).decode()}
        )
        for secret, headers, body in deliveries
    ]
    completed = subprocess.run(
        [node, "verify.mjs"],
        cwd=FOLDER,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == completed.returncode, completed.stderr
    return [json.loads(line) for line in completed.stdout.splitlines()]
