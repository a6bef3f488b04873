"""Policies (C2SP tlog-policy): the example of the specification, every fault, quorums."""

import hashlib
from dataclasses import replace

import pytest

from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.notes import BadNote, sign_note
from onrecord.kit.tlog.policies import BadPolicy, parse_policy
from tests.support.witness_keys import WitnessKey, ed25519_witness, ml_dsa_witness

LOG = SigningKey.generate("log.example/a")
X1, X2, X3, Y1, Y2 = (ed25519_witness(f"{name}.example") for name in ("x1", "x2", "x3", "y1", "y2"))
Y3 = ml_dsa_witness("y3.example")
EXAMPLE = f"""\
# The example of the specification.
log {LOG.verifier} https://log.example/a

witness X1 {X1.verifier} https://x1.example
witness X2 {X2.verifier}
\twitness  X3\t{X3.verifier}
group X-witnesses 2 X1 X2 X3

witness Y1 {Y1.verifier}
witness Y2 {Y2.verifier}
witness Y3 {Y3.verifier}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_example_of_the_specification_is_parsed() -> None:
    policy = parse_policy(EXAMPLE.encode())
    assert [(LOG.verifier, "https://log.example/a")] == list(policy.logs)
    assert ["X1", "X2", "X3", "Y1", "Y2", "Y3"] == list(policy.witnesses)
    assert ("https://x1.example", None) == (policy.witnesses["X1"].url, policy.witnesses["X2"].url)
    assert (2, 1, 2) == tuple(group.threshold for group in policy.groups.values())


@pytest.mark.parametrize(
    ("cosigners", "is_met"),
    [
        ([], False),
        ([X1, X2], False),
        ([X1, Y1], False),
        ([X1, X3, Y3], True),
        ([X1, X2, X3, Y1, Y2, Y3], True),
        ([Y1, Y2, Y3, X1], False),
    ],
)
def test_a_quorum_of_groups(cosigners: list[WitnessKey], is_met: bool) -> None:
    policy = parse_policy(EXAMPLE.encode())
    keys = {cosigner.verifier.name_and_id for cosigner in cosigners}
    assert is_met == policy.is_met(keys)


def test_a_single_witness_or_nobody_may_be_the_quorum() -> None:
    single = parse_policy(f"witness w {X1.verifier}\nquorum w\n".encode())
    assert single.is_met({X1.verifier.name_and_id})
    assert not single.is_met({X2.verifier.name_and_id})
    assert parse_policy(b"quorum none\n").is_met(set())


def test_groups_may_be_nested_deeper_than_python_can_recurse() -> None:
    groups = [f"group g{n + 1} any g{n}\n" for n in range(5_000)]
    text = f"witness g0 {X1.verifier}\n{''.join(groups)}quorum g5000\n"
    policy = parse_policy(text.encode())
    assert policy.is_met({X1.verifier.name_and_id})
    assert not policy.is_met(set())


def test_a_checkpoint_is_checked_by_its_log_and_quorum() -> None:
    policy = parse_policy(EXAMPLE.encode())
    checkpoint = Checkpoint("log.example/a", 5, hashlib.sha256(b"root").digest())
    note = sign_note(checkpoint.text, [LOG])
    lines = [witness.cosign(note) for witness in (X1, X2, Y3)]
    cosigned = replace(note, signatures=(*note.signatures, *lines))
    trusted = policy.check(cosigned)
    assert (checkpoint, (LOG.verifier,)) == trusted[:2]
    assert [X1.verifier, X2.verifier, Y3.verifier] == [found.key for found in trusted.cosignatures]
    with pytest.raises(BadNote, match=r"the quorum X-and-Y is not met: nobody cosigned"):
        policy.check(note)
    with pytest.raises(BadNote, match="no log of the policy signed"):
        policy.check(replace(cosigned, signatures=tuple(lines)))
    stranger = sign_note(checkpoint.text, [SigningKey.generate("log.example/a")])
    with pytest.raises(BadNote, match="no log of the policy signed"):
        policy.check(replace(stranger, signatures=(*stranger.signatures, *lines)))
    other = sign_note(replace(checkpoint, origin="log.example/b").text, [LOG])
    with pytest.raises(BadNote, match="no log of the policy signed"):
        policy.check(other)


W = f"witness w {X1.verifier}\n"
V = f"witness v {X2.verifier}\n"


FAULTS = [
    ("", "line 1: there is no quorum line"),
    (W, "line 2: there is no quorum line"),
    ("quorum none", "line 1: it does not end in a newline"),
    ("quorum none\nquorum none\n", "line 2: there is a quorum line above already"),
    ("quorum w\n", "line 1: 'w' is no witness or group above"),
    (f"quorum w\n{W}", "line 1: 'w' is no witness or group above"),
    (f"{W}group g 1 v\nquorum g\n", "line 2: 'v' is no witness or group above"),
    (f"{W}group g 1 none\nquorum g\n", "line 2: 'none' is no witness or group above"),
    (f"{W}group g 1 g\nquorum g\n", "line 2: 'g' is no witness or group above"),
    (f"{W}group g 0 w\nquorum g\n", "line 2: '0' is not all, any, or from 1 to 1"),
    (f"{W}group g 2 w\nquorum g\n", "line 2: '2' is not all, any, or from 1 to 1"),
    (f"{W}group g 01 w\nquorum g\n", "line 2: '01' is not all, any, or from 1 to 1"),
    (f"{W}group g most w\nquorum g\n", "line 2: 'most' is not all, any, or from 1 to 1"),
    (f"{W}group g 1\nquorum g\n", "line 2: 'group' begins no line of a policy"),
    (f"{W}{V}group g 1 w w\nquorum g\n", "line 3: 'w' is a member of a group already"),
    (f"{W}{V}group g 1 w\ngroup h 1 v w\nquorum g\n", "line 4: 'w' is a member of a group"),
    (f"{W}group w 1 w\nquorum w\n", "line 2: the name 'w' is taken"),
    (f"witness none {X1.verifier}\n", "line 1: the name 'none' is taken"),
    (f"{W}witness w {X2.verifier}\n", "line 2: the name 'w' is taken"),
    (f"{W}witness v {X1.verifier}\n", "line 2: the key of witness v stands above already"),
    (
        f"log {LOG.verifier}\nlog {LOG.verifier}\n",
        "line 2: the key of log log.example/a stands",
    ),
    (f"log {X1.verifier}\n", "line 1: the key of log x1.example has type 0x04, not 0x01"),
    (f"witness w {LOG.verifier}\n", "line 1: the key of witness w has type 0x01"),
    ("log log.example/a+00000000+AAAA\n", "line 1: type 0x00 of log.example/a"),
    ("logs x\n", "line 1: 'logs' begins no line of a policy"),
    ("quorum none\r\n", "line 1: it holds a control character"),
    ("quorum none\x7f\n", "line 1: it holds a control character"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_a_fault_names_its_line(text: str, message: str) -> None:
    with pytest.raises(BadPolicy) as raised:
        parse_policy(text.encode())
    assert str(raised.value).startswith(message)


def test_octets_beyond_ascii_are_opaque() -> None:
    kelvin = "witness \u212a ".encode() + str(X1.verifier).encode() + b"\nquorum \xe2\x84\xaa\n"
    assert ["\u212a"] == list(parse_policy(kelvin).witnesses)
    with pytest.raises(BadPolicy, match="line 2: 'K' is no witness"):
        parse_policy(kelvin.replace(b"quorum \xe2\x84\xaa", b"quorum K"))
    assert parse_policy(b"# \xff\nquorum none\n").is_met(set())
    vkey = str(X1.verifier).encode().replace(b"x1.example", b"\xff")
    with pytest.raises(BadPolicy, match=r"line 1: .* is no name of a key"):
        parse_policy(b"witness w " + vkey + b"\nquorum w\n")
