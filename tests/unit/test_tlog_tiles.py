"""Addresses and bytes of tiles and entry bundles (C2SP tlog-tiles)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.tlog.tiles import Tile, bundle, entries_of, parse_tile
from tests.support import naive_log

LEVELS = st.one_of(st.none(), st.integers(0, 63))


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("0/000", Tile(0, 0)),
        ("0/x001/x234/067", Tile(0, 1_234_067)),  # the example of tlog-tiles
        ("63/x001/000", Tile(63, 1000)),
        ("2/000.p/1", Tile(2, 0, 1)),
        ("0/273.p/112", Tile(0, 273, 112)),
        ("entries/x001/234", Tile(None, 1234)),
        ("entries/000.p/255", Tile(None, 0, 255)),
    ],
)
def test_an_address_names_a_tile(path: str, tile: Tile) -> None:
    assert tile == parse_tile(path)
    assert path == tile.path


@given(level=LEVELS, n=st.integers(0, 1 << 56), width=st.integers(1, 256))
def test_every_tile_has_one_address(level: int | None, n: int, width: int) -> None:
    tile = Tile(level, n, width)
    assert tile == parse_tile(tile.path)
    assert naive_log.tile_path("entries" if level is None else level, n, width) == tile.path


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "0", "0/", "entries", "entries/", "0/0", "0/00", "0/0000", "0/1000"),
        *("00/000", "01/000", "64/000", "99/000", "100/000", "-1/000", "+1/000", "x/000"),
        *("0/x000/000", "0/x000/001", "0/001/234", "0/x001/x234", "0/x1/234", "0/X001/234"),
        *("0/000.p", "0/000.p/", "0/000.p/0", "0/000.p/01", "0/000.p/256", "0/000.p/300"),
        *("0/000.p/999", "0/000.p/1000", "0/000.p/-1", "0/000.p/1/", "0/000p/1", "0/000/.p/1"),
        *("0/000\n", " 0/000", "0/000 ", "0/٠٠٠", "٠/000", "0/000.p/١", "0//000", "0/../000"),
        *("Entries/000", "entries/000.P/1", "data/000", "0/" + "x001/" * 2000 + "000"),
        "0/" + "x999/" * 2000 + "999",
    ],
)
def test_any_other_form_of_an_address_is_refused(path: str) -> None:
    assert parse_tile(path) is None


@given(st.text(alphabet="0123x/.pentris", max_size=24))
def test_an_address_is_refused_or_the_one_of_its_tile(path: str) -> None:
    tile = parse_tile(path)
    assert tile is None or (tile.path == path and 1 <= tile.width <= 256)


def test_the_example_of_tlog_tiles_has_its_tiles() -> None:
    """A tree of 70,000, as the text of the specification counts them."""
    tiles = [parse_tile(path) for path in naive_log.file_paths(70_000)]
    assert None not in tiles
    hashes = [tile for tile in tiles if tile and tile.level is not None]
    full = [sum(tile[0] == level and tile.width == 256 for tile in hashes) for level in range(3)]
    partial = [(tile.level, tile.width) for tile in hashes if tile.width < 256]
    assert [273, 1, 0] == full
    assert [(0, 112), (1, 17), (2, 1)] == partial


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_gives_back_its_entries(entries: list[bytes]) -> None:
    assert entries == entries_of(bundle(entries))


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=9), st.data())
def test_a_cut_bundle_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    whole = bundle(entries)
    ends = {len(bundle(entries[:n])) for n in range(len(entries) + 1)}
    cut = data.draw(st.sampled_from(sorted({*range(len(whole))} - ends)))
    with pytest.raises(ValueError, match="is cut"):
        entries_of(whole[:cut])


def test_an_entry_has_at_most_65535_bytes() -> None:
    assert 65_537 == len(bundle([bytes(65_535)]))
    with pytest.raises(OverflowError):
        bundle([bytes(65_536)])
