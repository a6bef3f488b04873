"""Keys and cosignatures of witnesses, made by hand: of both types."""

import time as clock
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from onrecord.kit.tlog.checkpoints import parse_checkpoint
from onrecord.kit.tlog.cosignatures import cosigned_message
from onrecord.kit.tlog.keys import KeyType, VerifierKey
from onrecord.kit.tlog.notes import Note, SignatureLine


@dataclass(frozen=True)
class WitnessKey:
    """A private key of a witness."""

    name: str
    private: Ed25519PrivateKey | MLDSA44PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        is_ed25519 = isinstance(self.private, Ed25519PrivateKey)
        type_ = KeyType.COSIGNATURE_ED25519 if is_ed25519 else KeyType.COSIGNATURE_ML_DSA_44
        return VerifierKey(self.name, type_, self.private.public_key().public_bytes_raw())

    def cosign(self, note: Note, time: int | None = None) -> SignatureLine:
        """The line of a cosignature on a checkpoint."""
        time = int(clock.time()) if time is None else time
        message = cosigned_message(self.verifier, parse_checkpoint(note), time)
        signature = time.to_bytes(8, "big") + self.private.sign(message)
        return SignatureLine(self.name, self.verifier.id, signature)


def ed25519_witness(name: str = "witness.example/ed25519") -> WitnessKey:
    return WitnessKey(name, Ed25519PrivateKey.generate())


def ml_dsa_witness(name: str = "witness.example/ml-dsa") -> WitnessKey:
    return WitnessKey(name, MLDSA44PrivateKey.generate())
