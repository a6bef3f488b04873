"""A notebook with pandas: who stands where, how often positions changed, and one timeline.

Each `# %%` begins a cell, as in VS Code, Spyder and PyCharm; Jupyter opens it with jupytext.
"""

# %% Connect
import os

import pandas as pd

from onrecord.client import Client, reads
from onrecord.client.parameters import ChangeSearch, GridSearch, Paged

AS_OF = "2022-12-31"
ACTOR, TOPIC = "biden", "talks-with-putin"
SCALE = {
    "oppose": -2,
    "conditional_oppose": -1,
    "neutral": 0,
    "conditional_support": 1,
    "support": 2,
}
client = Client(
    os.environ.get("ONRECORD_URL", "http://127.0.0.1:8000"), os.environ.get("ONRECORD_KEY")
)

# %% Who stood where at the end of 2022: one row an actor, one column a topic
search = GridSearch(as_of=AS_OF, limit=500)
grid = pd.DataFrame(vars(item) for item in client.items(reads.list_positions(search)))
stances = grid.pivot(index="actor_label", columns="topic_label", values="stance")
print(stances.fillna(""))

# %% How positions changed, all years together
changes = pd.DataFrame(
    vars(item) for item in client.items(reads.list_changes(ChangeSearch(limit=500)))
)
kinds = changes["kind"].value_counts()
print(kinds)

# %% One timeline on the scale from -2 (oppose) to 2 (support)
steps = client.items(reads.get_timeline(ACTOR, TOPIC, Paged(limit=500)))
timeline = pd.DataFrame(vars(step) for step in steps)
timeline["latest"] = pd.to_datetime(timeline["effective_latest"])
timeline["value"] = timeline["stance"].map(SCALE)
print(timeline[["effective", "latest", "stance", "value"]])

# %% The words behind the last step
answer = client.send(reads.get_position(ACTOR, TOPIC))
words = [statement.content.text for statement in answer.statements]
print("\n".join(words))

# %% Close the connection
client.close()
