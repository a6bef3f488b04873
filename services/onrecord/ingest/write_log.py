"""What a request recorded and what of it was refused, for its log line. Used by the recorder."""

from typing import Any

from onrecord.ledger.evaluate import Answer


class WriteLog:
    """Fields of a request's log line: `seq`, `last_seq`, `recorded`, `repeated`, `refused`.

    `seq` and `last_seq` enclose the entries of the request; others may lie between those of a
    batch. `refused` counts the lines of a batch by the code of their problem.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def note_answer(self, answer: Answer, *, dry_run: bool) -> None:
        """Note a write that is on record, or in a dry run could be."""
        if dry_run:
            self._fields["dry_run"] = True
            return
        fields, last_seq = self._fields, answer.seq + len(answer.along)
        fields["seq"] = min(fields.get("seq", answer.seq), answer.seq)
        fields["last_seq"] = max(fields.get("last_seq", last_seq), last_seq)
        outcome = "repeated" if answer.repeated else "recorded"
        fields[outcome] = fields.get(outcome, 0) + 1

    def note_refused_line(self, code: str) -> None:
        """Note a line of a batch that is not recorded."""
        refused = self._fields.setdefault("refused", {})
        refused[code] = refused.get(code, 0) + 1
