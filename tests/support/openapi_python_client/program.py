"""A program over the client that `openapi-python-client` makes. Run by `test_generated_clients`.

Prints what it read as JSON. Arguments: the address of the service, a key, and a statement as JSON.
"""

import json
import sys
from io import BytesIO

from onrecord_api import AuthenticatedClient
from onrecord_api.api.read_api import get_position, list_statements
from onrecord_api.api.write_api import correct_statement, record_batch, record_statement
from onrecord_api.models import (
    PositionOut,
    Problem,
    Recorded,
    StatementCorrectionIn,
    StatementIn,
    StatementPage,
)
from onrecord_api.types import File

url, key, statement = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key)

position = get_position.sync(
    client=client, actor="biden", topic="talks-with-putin", as_of="2022-12-02"
)
assert isinstance(position, PositionOut), position
first = position.statements[0]

recorded = record_statement.sync(client=client, body=StatementIn.from_dict(json.loads(statement)))
assert isinstance(recorded, Recorded), recorded

correction = {"by": "us", "reason": "A slip.", "replacement": json.loads(statement)}
corrected = correct_statement.sync(
    client=client, id=recorded.id, body=StatementCorrectionIn.from_dict(correction)
)
assert isinstance(corrected, Recorded), corrected

line = {"op": "statement", "id": recorded.id, "body": json.loads(statement)}
results = record_batch.sync(client=client, body=File(BytesIO(json.dumps(line).encode())))
assert isinstance(results, File), results

page = list_statements.sync(client=client, topic=["talks-with-putin"], limit=2)
assert isinstance(page, StatementPage), page

problem = get_position.sync(client=client, actor="nobody", topic="talks-with-putin")
assert isinstance(problem, Problem), problem

print(
    json.dumps(
        {
            "words": first.content.text,
            "outlets": [evidence.outlet for evidence in first.evidence if evidence.outlet],
            "speaker": first.speakers[0].actor,
            "seqs": [recorded.seq, corrected.seq],
            "line": json.loads(results.payload.read())["status"],
            "page": len(page.items),
            "problem": problem.type_,
        }
    )
)
