"""A verification: the checkpoint, every entry once, the tree, then the answers of the read API.

Used by `onrecord verify URL`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from onrecord.kit.tlog.keys import VerifierKey
from onrecord.kit.tlog.policies import Policy
from onrecord.verifying.compare import compare_answers
from onrecord.verifying.download import LogReader
from onrecord.verifying.entries import Canonicalize
from onrecord.verifying.log_keys import (
    check_against_saved,
    check_signature,
    check_witnesses,
    describe_witnesses,
    keys_to_believe,
)
from onrecord.verifying.log_run import LogRun, SignedNote
from onrecord.verifying.report import VerificationReport
from onrecord.verifying.saved_state import SavedState

Progress = Callable[[str, int, int], None]
"""Called with what is being checked, how much of it is done, and how much there is."""
NOT_COMPARED: Final = (
    "Positions are not compared, as the events that they follow from are not in order."
)


def verify_log(
    reader: LogReader,
    state: SavedState,
    given_keys: Sequence[VerifierKey],
    progress: Progress,
    *,
    policy: Policy | None = None,
    canonicalize: Canonicalize | None = None,
) -> VerificationReport:
    """Verify all of a log. One of the keys, or of the logs in the policy, must have signed, if any
    are given; and a quorum of the policy's witnesses must have cosigned.

    Raises `ApiUnavailable` where the log cannot be read, and `BadState`.
    """
    report = VerificationReport(reader.address)
    saved = state.read_checkpoint()
    if policy is not None:
        report.policy_source = "given"
        given_keys = [*given_keys, *(log.key for log in policy.logs)]
    own_policy = None if policy else reader.policy()
    keys = keys_to_believe(given_keys, saved, own_policy, report)

    def read_checkpoint() -> SignedNote | None:
        note = reader.checkpoint()
        checkpoint = check_signature(note, keys, saved, report)
        return None if checkpoint is None else SignedNote(note, checkpoint)

    newest = read_checkpoint()
    if newest is None:
        return report
    report.finished.add("signature")
    check_against_saved(newest.checkpoint, saved, report)
    show_entries = partial(progress, "entries")
    run = LogRun(
        reader,
        state,
        report,
        newest,
        read_checkpoint=read_checkpoint,
        progress=show_entries,
        saved=saved,
        canonicalize=canonicalize,
    )
    if run.check_entries():
        run.check_tree()
        if report.faults:
            report.notices.append(NOT_COMPARED)
        else:
            compare_positions(reader, run, report, partial(progress, "positions"))
    if policy is None:
        describe_witnesses(run.signed.note, keys, own_policy, report)
    else:
        check_witnesses(run.signed.note, keys, policy, report)
    if report.ok:
        state.keep_checkpoint(run.signed.note, report.keys)
    else:
        state.forget_place()
    return report


def compare_positions(
    reader: LogReader, run: LogRun, report: VerificationReport, progress: Callable[[int, int], None]
) -> None:
    """Compare the answers of the read API with what follows from the entries of a run."""
    for wrong in compare_answers(reader, run.checkpoint.size, run.fold, progress):
        report.add("positions", wrong.seq, wrong.message)
    report.finished.add("positions")
