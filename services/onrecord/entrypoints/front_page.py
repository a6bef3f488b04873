"""The front page: what a browser shows at the address of the service."""

from typing import Final

FRONT_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>onrecord</title>
<style>
  body { font: 17px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto;
    padding: 0 1rem }
  li { margin: 0.4rem 0 }
</style>
<h1>onrecord</h1>
<p>Who said what, about which topic, what they therefore stood for at any date, and what was known
of it when.</p>
<ul>
  <li><a href="/docs">API documentation</a>, to read and to try; as data:
      <a href="/openapi.json">openapi.json</a></li>
  <li><a href="/v1/actors">Actors</a> and <a href="/v1/topics">topics</a> on record</li>
  <li><a href="/v1/statements">Statements</a>, last said first</li>
  <li><a href="/v1/changes">Changes of position</a>, last recorded first</li>
  <li><a href="/v1/endpoints">Webhooks</a>, and how each is doing</li>
  <li><a href="/v1/events">The ledger</a>, event by event, as it was hashed</li>
  <li><a href="/readyz">Is everything running?</a></li>
</ul>
</html>
"""
