"""The page at the end of a rehearsal."""

from markdown_it import MarkdownIt

from rehearsal.page import figures, page, rows, summary
from rehearsal.seen import End, Life, Scene, Server, Written
from rehearsal.traffic import Page, Traffic
from rehearsal.veil import veiled, veiled_in
from tests.unit.rehearsal.subjects import seen

SEEN = seen(
    commit="0123456789ab",
    seconds=241,
    scenes=(
        Scene(name="bake", end=End.WELL, seconds=80, told="released in 78 s"),
        Scene(
            name="a server is interrupted",
            end=End.FAILED,
            seconds=30,
            told="one | two\nthree",
            traffic=Traffic(sent=90, failed=2, why=("/: HTTP 502 (2)",), last=3.0),
        ),
        Scene(name="a worker is killed", end=End.SKIPPED, told="it has none"),
    ),
    pages=(Page(path="/", status=200, assets=("/a.css",)),),
    lives=(
        Life(instance="i-1", boot=9.1, start=3.0, drain=5.0),
        Life(instance="i-2", boot=11.4, start=3.0),
    ),
    at_rest={"shop.service": 100 * 1024, "shop-migrate.service": 0},
    under_load={"shop.service": 150 * 1024},
    servers=(
        Server(
            instance="i-1",
            exposure={"shop.service": 2.3},
            denied={"shop.service": ("EROFS: open '/srv/shop/media/<b>.jpg'",)},
            wrote={"/etc/x": 1024},
        ),
    ),
    stopped=1.25,
)


def test_figures_have_their_limits() -> None:
    assert figures(SEEN)[:2] == [
        ("boot", "9.1 to 11.4 s", "from launch to the first answer"),
        ("start", "3.0 s", "limit 90 s"),
    ]
    told = {name: value for name, value, _ in figures(SEEN)}
    assert told["memory at rest"] == "shop 100 MB"
    assert told["memory under load"] == "shop 150 MB"
    assert told["stop"] == "1.2 s"


def test_what_was_not_seen_is_told_as_such() -> None:
    assert {value for _, value, _ in figures(seen())} == {"not seen"}


def test_a_row_for_each_scene() -> None:
    assert rows(SEEN) == [
        ("bake", "well", "80 s", "", "released in 78 s"),
        ("a server is interrupted", "failed", "30 s", "2 of 90", "one | two three"),
        ("a worker is killed", "not tried", "", "", "it has none"),
    ]


def test_it_says_first_what_to_change_and_then_why_scenes_failed() -> None:
    text = page(SEEN)
    assert text.index("writable: [media]") < text.index("## Scenes")
    assert "HTTP 502 (2)" in text
    assert "1 of 3 scenes failed, in 241 s" in summary(SEEN)
    assert "**not in a writable folder**" in text
    assert "| shop.service | 2.3 |" in text


def test_its_tables_are_tables_whatever_was_said() -> None:
    html = MarkdownIt("commonmark").enable("table").render(page(SEEN))
    assert html.count("<table>") == 5
    assert "<td>one | two three</td>" in html
    assert "<b>" not in html


def test_of_a_rehearsal_without_a_scene_there_is_a_page_too() -> None:
    assert "Nothing was found." in page(seen())


def test_no_value_of_a_setting_is_read_in_it_but_words_stay() -> None:
    text = "postgresql://app:abc123@10.0.0.1/app in production"
    assert veiled(text, ["abc123", "production", "x1"]) == (
        "postgresql://app:***@10.0.0.1/app in production"
    )
    assert veiled(text, ["postgresql://app:abc123@10.0.0.1/app", "abc123"]) == "*** in production"


def test_a_value_is_found_in_a_cell_of_a_table_too() -> None:
    value = "k3y  with | in it"
    told = SEEN.model_copy(
        update={"scenes": (Scene(name="bake", end=End.FAILED, told=f"it says {value}"),)}
    )
    assert "k3y" in page(told)
    assert "k3y" not in veiled(page(told), [value])


def test_in_what_becomes_json_texts_are_veiled_and_numbers_stay() -> None:
    found = {"kb": 1048576, "said": ["of 1048576 bytes", 'pass"wörd-1'], "x": None}
    assert veiled_in(found, ["1048576", 'pass"wörd-1']) == {
        "kb": 1048576,
        "said": ["of *** bytes", "***"],
        "x": None,
    }


def test_a_tuple_with_names_becomes_json_too() -> None:
    found = {"wrote": {"/srv/shop/tmp": Written(3, 1048576)}}
    assert veiled_in(found, ["secret-1"]) == {"wrote": {"/srv/shop/tmp": [3, 1048576]}}
