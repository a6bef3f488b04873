"""The keys whose signatures count, and the checks of a checkpoint before anything else is read.

A key is given, or saved from last time, or, for a first-time reader, taken from the policy that the
log itself serves (C2SP tlog-policy). The last proves nothing but that the log agrees with itself.
So it is with the list of witnesses, which is given or that of the log.
"""

from collections.abc import Sequence

from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.keys import BadKey, VerifierKey, parse_verifier_key
from onrecord.kit.tlog.notes import BadNote, parse_note
from onrecord.kit.tlog.policies import NONE, BadPolicy, Policy, parse_policy
from onrecord.verifying.report import VerificationReport
from onrecord.verifying.saved_state import SavedCheckpoint

KEY_OF_LOG = (
    "The key was taken from the log itself, so its signature proves nothing to a first-time reader:"
    " compare the key with one published elsewhere, or give it as --key."
)

NO_POLICY = "Cosignatures of witnesses were not checked"


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
        signers = note.signed_by(key for key in keys if key.name == checkpoint.origin)
    except BadNote as error:
        report.add("signature", None, f"the checkpoint cannot be believed: {error}")
        return None
    expected = [saved.checkpoint.origin] if saved else list({key.name: None for key in keys})
    if checkpoint.origin not in expected:
        names = " or ".join(map(repr, expected))
        message = f"the checkpoint is of the log {checkpoint.origin!r}, not of {names}"
        report.add("signature", None, message)
    elif not signers:
        named = ", ".join(f"{line.name} ({line.key_id.hex()})" for line in note.signatures)
        whose = {"given": "given", "saved": "of last time", "log": "of the log's policy"}
        message = f"no key {whose[report.key_source]} signed the checkpoint, but {named}"
        if report.key_source == "saved":
            message += "; after a rotation that was announced, give the new key as --key"
        report.add("signature", None, message)
    if report.fails("signature"):
        return None
    report.keys = list(map(str, signers))
    report.origin, report.size = checkpoint.origin, checkpoint.size
    report.root = checkpoint.root.hex()
    return checkpoint


def check_witnesses(
    text: str, keys: list[VerifierKey], policy: Policy, report: VerificationReport
) -> None:
    """Check the cosignatures in a note, which `keys` may sign, by a policy that was given."""
    try:
        cosignatures = policy.with_logs(keys).check(parse_note(text)).cosignatures
    except BadNote as error:
        message = f"the checkpoint does not meet the policy that was given: {error}"
        report.add("witnesses", None, message)
    else:
        report.cosigners = [str(cosignature.key) for cosignature in cosignatures]
        report.finished.add("witnesses")
        if policy.quorum == NONE:
            report.notices.append("The policy that was given asks for no cosignature: quorum none.")


def describe_witnesses(
    text: str, keys: list[VerifierKey], policy: str | None, report: VerificationReport
) -> None:
    """Say which cosignatures in a note hold by the policy that the log serves itself, if it does.

    What it asks for and lacks is no fault: while its witnesses are behind, a log serves checkpoints
    without them, and a policy that is the log's own could ask for less at any time.
    """
    if policy is None:
        report.notices.append(f"{NO_POLICY}: no --policy was given, and the log serves none.")
        return
    try:
        by_log = parse_policy(policy.encode())
        cosignatures = by_log.with_logs(keys).check(parse_note(text)).cosignatures
    except (BadPolicy, BadNote) as error:
        why = f"no --policy was given, and that of the log is no help: {error}"
        report.notices.append(f"{NO_POLICY}: {why}.")
        return
    if not by_log.witnesses:
        why = "no --policy was given, and that of the log names no witness"
        report.notices.append(f"{NO_POLICY}: {why}.")
        return
    report.policy_source = "log"
    report.cosigners = [str(cosignature.key) for cosignature in cosignatures]
    names = ", ".join(cosignature.key.name for cosignature in cosignatures) or "nobody"
    report.notices.append(
        "Cosignatures were checked against the list of witnesses that the log itself serves, which"
        f" proves nothing to who does not know them: {names} cosigned. Give your list as --policy."
    )


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
