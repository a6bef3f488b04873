"""The keys whose signatures count, and the checks of a checkpoint before anything else is read.

A key is given, or saved from last time, or, for a first-time reader, taken from the policy that the
log itself serves (C2SP tlog-policy). The last proves nothing but that the log agrees with itself.
"""

from collections.abc import Sequence

from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.keys import BadKey, VerifierKey, parse_verifier_key
from onrecord.kit.tlog.notes import BadNote, parse_note
from onrecord.verifying.report import VerificationReport
from onrecord.verifying.saved_state import SavedCheckpoint

KEY_OF_LOG = (
    "The key was taken from the log itself, so its signature proves nothing to a first-time reader:"
    " compare the key with one published elsewhere, or give it as --key."
)


def keys_of_policy(text: str) -> list[VerifierKey]:
    """The keys of `log` lines. Lines of witnesses and groups are not looked at."""
    keys = []
    for line in text.splitlines():
        match line.split():
            case ["log", vkey, *_]:
                keys.append(parse_verifier_key(vkey))
    return keys


def keys_to_believe(
    given: Sequence[VerifierKey],
    saved: SavedCheckpoint | None,
    policy: str | None,
    report: VerificationReport,
) -> list[VerifierKey]:
    """The keys of which one must have signed. `policy`: that of the log, if nothing else is."""
    keys: list[VerifierKey] = []
    if given:
        keys, report.key_source = list(given), "given"
    elif saved is not None:
        keys, report.key_source = list(saved.keys), "saved"
    else:
        report.notices.append(KEY_OF_LOG)
        try:
            keys = keys_of_policy(policy or "")
        except BadKey as error:
            report.add("signature", None, f"the policy of the log names a bad key: {error}")
    report.keys = list(map(str, keys))
    return keys


def check_signature(
    text: str,
    keys: list[VerifierKey],
    saved: SavedCheckpoint | None,
    report: VerificationReport,
) -> Checkpoint | None:
    """The checkpoint in a note, whose signature is checked; None if it must not be trusted."""
    try:
        note = parse_note(text)
        checkpoint = parse_checkpoint(note)
        signers = note.signed_by(keys)
    except BadNote as error:
        report.add("signature", None, f"the checkpoint cannot be believed: {error}")
        return None
    expected = saved.checkpoint.origin if saved else keys[0].name if keys else None
    if expected != checkpoint.origin:
        message = f"the checkpoint is of the log {checkpoint.origin!r}, not of {expected!r}"
        report.add("signature", None, message)
    if not signers:
        named = ", ".join(f"{line.name} ({line.key_id.hex()})" for line in note.signatures)
        whose = {"given": "given", "saved": "of last time", "log": "of the log's policy"}
        message = f"no key {whose[report.key_source]} signed the checkpoint, but {named}"
        if report.key_source == "saved":
            message += "; after a rotation that was announced, give the new key as --key"
        report.add("signature", None, message)
    if report.fails("signature"):
        return None
    if len(note.signatures) > len(signers):
        report.notices.append(
            "Cosignatures of witnesses in the checkpoint were not checked; ops/audit.md says how."
        )
    report.keys = list(map(str, signers))
    report.origin, report.size = checkpoint.origin, checkpoint.size
    report.root = checkpoint.root.hex()
    return checkpoint


def check_against_saved(
    checkpoint: Checkpoint, saved: SavedCheckpoint | None, report: VerificationReport
) -> None:
    """Compare a checkpoint with the saved one, as far as that needs no entries."""
    if saved is None:
        report.notices.append(
            "There is no checkpoint of an earlier verification, so a record that was rewritten"
            " before today is not noticed. This one is saved for the next time."
        )
        return
    old = saved.checkpoint
    report.saved_size = old.size
    if checkpoint.size < old.size:
        message = f"the log has {checkpoint.size} entries; last time it had {old.size}"
        report.add("consistency", None, f"{message}: entries were removed")
    elif checkpoint.size == old.size and checkpoint.root != old.root:
        message = f"two roots are signed for size {old.size}: {old.root.hex()} last time, and now"
        report.add("consistency", None, f"{message} {checkpoint.root.hex()}: the log was rewritten")
