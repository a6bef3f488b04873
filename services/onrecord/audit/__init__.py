"""The proof door: the record itself, to be replayed by somebody who trusts nobody."""
