"""What each store must do (protocol section 2): plain functions that take a place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context

from places import StorePlace, refused
from profiles import size

from hyperscale.node.storing.stores import MissingBlobError, Store

Rule = Callable[[StorePlace], None]
PROCESSES = size(2, 4)
BLOBS = 40
BIG = 1_000_000


def what_was_created_is_read_by_others(place: StorePlace) -> None:
    store, other = place.open(), place.open()
    contents = {"seed.json": b"{}", "ledger/empty": b"", "outputs/a/b/c.bin": bytes(range(256)), "ledger/ä 行": b"x"}

    answers = [store.create(name, data) for name, data in contents.items()]

    assert answers == [True] * len(contents)
    assert {name: other.read(name) for name in contents} == contents


def a_name_that_exists_keeps_its_content(place: StorePlace) -> None:
    store, other = place.open(), place.open()
    store.create("seals/000001.json", b"first")

    answers = [holder.create("seals/000001.json", b"second") for holder in (other, store)]

    assert answers == [False, False]
    assert other.read("seals/000001.json") == b"first"


def what_was_never_written_is_missing(place: StorePlace) -> None:
    store = place.open()
    before = [store.names(prefix) for prefix in ("", "ledger/")]
    store.create("ledger/a", b"")

    for name in ("seed.json", "ledger", "ledger/b", "ledger/a/b", "seals/1"):
        with refused(MissingBlobError):
            store.read(name)
        with refused(MissingBlobError):
            store.download(name, place.folder / "copy")

    assert before == [[], []]
    assert not (place.folder / "copy").exists()


def names_are_sorted_by_their_bytes(place: StorePlace) -> None:
    store = place.open()
    written = ["ledger/b", "ledger/B", "ledger/a-1", "ledger/a.1", "ledger/a/1", "ledger/a", "ledger/é", "ledger/a1"]
    written.remove("ledger/a")  # a folder and a file of one name: only some adapters have both

    for name in written:
        store.create(name, b"")

    assert store.names("ledger/") == sorted(written, key=str.encode)


def names_are_those_that_start_with_the_prefix(place: StorePlace) -> None:
    store = place.open()
    for name in ("control/cancel-1", "control/resume-1", "control/resume-2", "controls", "seals/1", "run.json"):
        store.create(name, b"")

    found = {prefix: store.names(prefix) for prefix in ("control/resume-", "control/", "control", "nothing/", "")}

    assert found["control/resume-"] == ["control/resume-1", "control/resume-2"]
    assert found["control/"] == ["control/cancel-1", *found["control/resume-"]]
    assert found["control"] == [*found["control/"], "controls"]
    assert found["nothing/"] == []
    assert found[""] == [*found["control"], "run.json", "seals/1"]


def a_name_shows_from_the_moment_it_is_written(place: StorePlace) -> None:
    store, other = place.open(), place.open()

    for number in range(20):
        store.create(f"ledger/{number:02d}", b"x")

        assert len(other.names("ledger/")) == number + 1


def a_name_that_leads_out_of_the_store_is_refused(place: StorePlace) -> None:
    store = place.open()
    names = ["", "..", "../x", "ledger/../../x", "/etc/x", "ledger//x", "ledger/./x", "ledger\\x", "ledger/", "a\0"]
    names += ["a\n", "a\x81", "\ue000", "\udce9", "a" * 901]

    for name in names:
        with refused(ValueError):
            store.create(name, b"")
        with refused(ValueError):
            store.beat(name, {})
        with refused(ValueError):
            store.upload(name, place.folder)

    with refused(ValueError):
        store.names("../")
    assert store.names("") == []


def a_file_comes_back_as_it_was_kept(place: StorePlace) -> None:
    store, other = place.open(), place.open()
    source, target = place.folder / "source", place.folder / "target"
    source.write_bytes(bytes(range(256)) * 1000)
    target.write_bytes(b"what was there before")

    store.upload("outputs/row 1/model.bin", source)
    other.download("outputs/row 1/model.bin", target)

    assert target.read_bytes() == source.read_bytes()
    assert other.read("outputs/row 1/model.bin") == source.read_bytes()
    assert sorted(path.name for path in place.folder.iterdir() if path.is_file()) == ["source", "target"]


def an_upload_takes_the_place_of_what_was_there(place: StorePlace) -> None:
    store = place.open()
    source = place.folder / "source"
    for content in (b"a long first content", b"short"):
        source.write_bytes(content)
        store.upload("results.csv", source)

    assert store.read("results.csv") == b"short"
    assert store.names("") == ["results.csv"]


def a_heartbeat_tells_its_fields_and_its_age(place: StorePlace) -> None:
    store, other = place.open(), place.open()
    fields = {"state": "running", "rows_done": 3, "rate": 0.5, "broken": False, "message": None, "who": "ä"}

    store.beat("consumers/c-1", {"state": "starting"})
    place.advance(2 * place.pause_seconds)
    store.beat("consumers/c-2", fields)
    place.advance(place.pause_seconds)
    found = list(other.beats("consumers/"))

    assert [(name, fields) for name, _, fields in found] == [
        ("consumers/c-1", {"state": "starting"}),
        ("consumers/c-2", fields),
    ]
    expected = (3 * place.pause_seconds, place.pause_seconds)
    assert all(abs(age - seconds) <= 2 for (_, age, _), seconds in zip(found, expected, strict=True))


def a_heartbeat_takes_the_place_of_the_one_before(place: StorePlace) -> None:
    store = place.open()

    store.beat("consumers/c-1", {"rows_done": 1, "message": "a longer one"})
    place.advance(2 * place.pause_seconds)
    store.beat("consumers/c-1", {"rows_done": 2})
    found = list(store.beats("consumers/"))

    assert [(name, fields) for name, _, fields in found] == [("consumers/c-1", {"rows_done": 2})]
    assert 0 <= found[0][1] <= 2


def a_heartbeat_may_say_anything(place: StorePlace) -> None:
    store = place.open()
    said = "two  blanks, a line\r\n, a tab\t, quotes \" ' \\, <&>, ${{x}}, 行 🙂, \0\x7f"
    fields = {"message": said, "requests.ledger": 10**15, "an empty text": "", "ä": "", "rate": 1e-300}

    store.beat("consumers/c-1", fields)
    store.beat("consumers/c-2", {})

    assert [fields for _, _, fields in store.beats("consumers/")] == [fields, {}]


def the_clock_of_the_store_is_the_same_for_all(place: StorePlace) -> None:
    store, other = place.open(), place.open()

    before = store.now()
    place.advance(place.pause_seconds)
    after = other.now()

    assert abs(after - before - place.pause_seconds) <= 1.5


def nobody_beats_in_an_empty_store(place: StorePlace) -> None:
    assert list(place.open().beats("consumers/")) == []


def a_removed_store_is_empty(place: StorePlace) -> None:
    store, other = place.open(), place.open()
    store.remove()
    store.create("seed.json", b"{}")
    store.beat("consumers/c-1", {})

    other.remove()

    assert store.names("") == []
    assert list(store.beats("consumers/")) == []
    with refused(MissingBlobError):
        other.read("seed.json")


def a_reader_sees_a_whole_blob_or_none(place: StorePlace) -> None:
    store, other = place.open(), place.open()
    source = place.folder / "source"

    def write() -> None:
        for number in range(30):
            source.write_bytes(bytes([number]) * BIG)
            store.upload("results.csv", source)
            store.create(f"ledger/{number:02d}", bytes([number]) * BIG)

    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(write)
        while not writing.done():
            for name in [*other.names("ledger/")[-1:], *other.names("results")]:
                data = other.read(name)
                assert len(data) == BIG
                assert data.count(data[:1]) == BIG
    writing.result()


def a_name_has_one_winner_among_threads(place: StorePlace) -> None:
    store = place.open()

    def create(number: int) -> bool:
        return store.create("seed.json", str(number).encode())

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(create, range(64)))

    assert answers.count(True) == 1
    assert store.read("seed.json") == str(answers.index(True)).encode()


def a_name_has_one_winner_among_processes(place: StorePlace) -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        asked = [processes.submit(won, place.opener, str(number).encode()) for number in range(PROCESSES)]
        winners = [answer.result(timeout=60) for answer in asked]

    store = place.open()
    names = [f"seals/{number:03d}" for number in range(BLOBS)]
    assert sorted(name for winner in winners for name in winner) == names
    assert all(store.read(name) == str(number).encode() for number, won in enumerate(winners) for name in won)
    assert store.names("") == names


def won(opener: Callable[[], Store], data: bytes) -> list[str]:
    """Create each name; return those that this process wrote."""
    with closing(opener()) as store:
        return [name for number in range(BLOBS) if store.create(name := f"seals/{number:03d}", data)]


RULES: tuple[Rule, ...] = (
    what_was_created_is_read_by_others,
    a_name_that_exists_keeps_its_content,
    what_was_never_written_is_missing,
    names_are_sorted_by_their_bytes,
    names_are_those_that_start_with_the_prefix,
    a_name_shows_from_the_moment_it_is_written,
    a_name_that_leads_out_of_the_store_is_refused,
    a_file_comes_back_as_it_was_kept,
    an_upload_takes_the_place_of_what_was_there,
    a_heartbeat_tells_its_fields_and_its_age,
    a_heartbeat_takes_the_place_of_the_one_before,
    a_heartbeat_may_say_anything,
    the_clock_of_the_store_is_the_same_for_all,
    nobody_beats_in_an_empty_store,
    a_removed_store_is_empty,
    a_reader_sees_a_whole_blob_or_none,
    a_name_has_one_winner_among_threads,
    a_name_has_one_winner_among_processes,
)
