"""Do the `standardwebhooks` and `svix` of npm accept a delivery? Asked of Node, where it is there.

Its packages are not fetched by a test: `npm ci --ignore-scripts` in `tests/support/npm` does that,
which CI runs.
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


def verified(deliveries: Iterable[tuple[str, Mapping[str, str], bytes]]) -> list[list[str]]:
    """For each secret, headers and body, what each of the packages says; skips where it can't."""
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
    done = subprocess.run(
        [node, "verify.mjs"],
        cwd=FOLDER,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return [json.loads(one) for one in done.stdout.splitlines()]
