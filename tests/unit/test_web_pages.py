"""How the page that checks proofs is served."""

import re

from fastapi import FastAPI
from fastapi.testclient import TestClient

from onrecord.entrypoints.web_pages import install_pages


def test_the_check_of_proofs_is_served_with_its_scripts_and_may_run_no_others() -> None:
    app = FastAPI()
    install_pages(app, {"read", "audit"})
    client = TestClient(app)
    page = client.get("/verify")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'; connect-src 'self'; style-src 'sha256-" in policy
    assert re.findall(r'src="([^"]+)"', page.text) == ["/verify/page.js"]
    for script in ("page", "check", "describe"):
        answer = client.get(f"/verify/{script}.js")
        assert (200, "javascript") == (answer.status_code, answer.headers["content-type"][5:15])
    assert 200 == client.head("/verify").status_code
    assert 405 == client.post("/verify").status_code
    assert 404 == client.get("/verify/../web_pages.py").status_code
