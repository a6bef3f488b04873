"""The report of a verification: what was checked, and everything that is wrong.

Filled by `run`, printed by `onrecord verify`.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

CheckName = Literal[
    "signature",
    "witnesses",
    "consistency",
    "entries",
    "hashes",
    "sections",
    "revisions",
    "positions",
]
CHECKS: Final[dict[CheckName, str]] = {
    "signature": "the checkpoint is signed by the key of the log",
    "witnesses": "a quorum of the witnesses of the policy that was given cosigned the checkpoint",
    "consistency": "the log continues the checkpoint that was saved last time",
    "entries": "every entry is canonical, numbered without a gap, unique, and in order of time",
    "hashes": "the entries give every tile that is served, and the signed root",
    "sections": "every disclosed section opens its commitment, every missing one was erased",
    "revisions": "the entries of each pair are numbered without a gap",
    "positions": "GET /v1/changes, and GET /v1/positions as of some dates, follow from the events",
}
"""The checks, in their order, and what holds where one passes."""
MAX_FAULTS: Final = 100
"""Faults that are kept of each check. What is wrong everywhere need not be listed in full."""

MAX_MESSAGE: Final = 2_000
"""Characters. Names in answers and entries may be longer."""


@dataclass(frozen=True)
class Fault:
    """Something that is wrong. `seq`: of the entry that is bad, if one can be named."""

    check: CheckName
    seq: int | None
    message: str

    def __str__(self) -> str:
        return self.message if self.seq is None else f"entry {self.seq}: {self.message}"


@dataclass
class VerificationReport:
    """The outcome of a verification. Without faults all checks in `passed` hold."""

    address: str
    origin: str | None = None
    size: int | None = None
    root: str | None = None
    """In lower-case hex."""
    keys: list[str] = field(default_factory=list)
    """The verifier keys whose signatures were checked."""
    key_source: Literal["given", "saved", "log"] = "log"
    policy_source: Literal["given", "log"] | None = None
    """Whose list of witnesses the cosignatures were checked against; None: against none."""
    cosigners: list[str] = field(default_factory=list)
    """The verifier keys of the witnesses whose cosignatures were checked."""
    saved_size: int | None = None
    """The size of the checkpoint that was saved last time; None on the first run."""
    notices: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    finished: set[CheckName] = field(default_factory=set)
    """The checks that looked at all they must."""

    def add(self, check: CheckName, seq: int | None, message: str) -> None:
        """Add a fault, unless it is there already or the check has as many as are kept."""
        fault = Fault(check, seq, message[:MAX_MESSAGE])
        others = [other for other in self.faults if other.check == check]
        if fault not in others and len(others) < MAX_FAULTS:
            self.faults.append(fault)

    @property
    def ok(self) -> bool:
        return not self.faults and self.finished == {*CHECKS} - self.not_asked

    @property
    def not_asked(self) -> set[CheckName]:
        """The checks that nobody asked for: of witnesses, where no policy was given."""
        return set() if self.policy_source == "given" else {"witnesses"}

    @property
    def passed(self) -> list[CheckName]:
        """The checks that hold, in their order."""
        return [check for check in CHECKS if check in self.finished and not self.fails(check)]

    def fails(self, *checks: CheckName) -> bool:
        return any(fault.check in checks for fault in self.faults)

    @property
    def in_order(self) -> list[Fault]:
        """The faults: those of entries first, by seq, and of one entry in the order of checks."""
        order = list(CHECKS)
        return sorted(
            self.faults,
            key=lambda fault: (fault.seq is None, fault.seq or 0, order.index(fault.check)),
        )

    @property
    def first_bad_entry(self) -> Fault | None:
        """The fault of the bad entry with the lowest seq."""
        return next((fault for fault in self.in_order if fault.seq is not None), None)

    def as_json(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        first = self.first_bad_entry
        return {
            "ok": self.ok,
            "address": self.address,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "keys": self.keys,
            "key_source": self.key_source,
            "policy_source": self.policy_source,
            "cosigners": self.cosigners,
            "saved_size": self.saved_size,
            "checks": {
                check: "failed"
                if self.fails(check)
                else "passed"
                if check in self.finished
                else "not asked"
                if check in self.not_asked
                else "not done"
                for check in CHECKS
            },
            "first_bad_entry": None if first is None else first.seq,
            "faults": [
                {"check": fault.check, "seq": fault.seq, "message": fault.message}
                for fault in self.in_order
            ],
            "notices": self.notices,
        }
