"""The picture of a release's times."""

import base64
from xml.etree import ElementTree

from spotkiln.release.release import Timing
from spotkiln.show.picture import STYLE, embedded, timeline

SVG = "{http://www.w3.org/2000/svg}"


def bars(svg: str) -> list[dict[str, str]]:
    """The rectangles but for the ground, and those of patterns."""
    return [dict(one.attrib) for one in ElementTree.fromstring(svg).findall(f"{SVG}rect")][1:]


def words(svg: str) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_bars_begin_where_the_one_before_ended() -> None:
    svg = timeline(
        [
            Timing(name="bake", seconds=20),
            Timing(name="test", seconds=10),
            Timing(name="gate", seconds=0.1, failed=True),
        ]
    )
    bake, test, gate = bars(svg)
    assert abs(float(bake["width"]) - 2 * float(test["width"])) < 0.2
    assert abs(float(bake["x"]) + float(bake["width"]) - float(test["x"])) < 0.2
    assert float(gate["width"]) >= 2
    assert [one["class"] for one in (bake, test, gate)] == ["done", "done", "bad"]
    assert words(svg) == [
        *("bake", "20.0 s", "test", "10.0 s", "gate", "failed after 0.1 s", "total 30.1 s")
    ]


def test_nothing_is_told_by_a_colour_alone() -> None:
    svg = timeline(
        [
            Timing(name="gate", seconds=3, failed=True),
            Timing(name="bake", seconds=2, cancelled=True),
            Timing(name="undo: cancel fleet", seconds=1),
            Timing(name="undo: discard image", seconds=1, failed=True),
        ]
    )
    assert [one["class"] for one in bars(svg)] == ["bad", "cut", "undo", "bad"]
    # Stripes, gaps, and an outline without anything in it.
    patterns = [one.attrib["id"] for one in ElementTree.fromstring(svg).iter(f"{SVG}pattern")]
    assert patterns == ["bad", "cut"]
    assert ".undo{fill:none;" in STYLE
    assert words(svg)[1::2] == [
        "failed after 3.0 s",
        "cancelled after 2.0 s",
        "1.0 s",
        "failed after 1.0 s",
    ]


def test_it_follows_the_colours_of_the_page() -> None:
    light, _, dark = STYLE.partition("@media (prefers-color-scheme:dark)")
    for part in (".ground", ".ink", ".done", ".undo", ".under", ".red", ".grey"):
        assert part in light
        assert part in dark


def test_it_stays_inside() -> None:
    svg = timeline([Timing(name=f"phase {n}", seconds=1000 * n) for n in range(12)])
    width = float(ElementTree.fromstring(svg).attrib["width"])
    assert len(bars(svg)) == 12
    assert max(float(one["x"]) + float(one["width"]) for one in bars(svg)) < width


def test_without_time() -> None:
    assert words(timeline([])) == ["total 0.0 s"]
    assert words(timeline([Timing(name="look up", seconds=0)]))[-1] == "total 0.0 s"


def test_names_are_text_and_no_markup() -> None:
    assert words(timeline([Timing(name='<a> & "b"', seconds=1)]))[0] == '<a> & "b"'


def test_embedded() -> None:
    markdown = embedded("<svg/>", "a [b]\nc")
    assert markdown.startswith("![a (b) c](data:image/svg+xml;base64,")
    assert base64.b64decode(markdown.partition("base64,")[2].rstrip(")")) == b"<svg/>"


def test_what_went_on_beside_each_other_is_shown_so() -> None:
    """Noted as they end: the tests outlast the launch. What nobody has timed is left out."""
    svg = timeline(
        [
            Timing(name="bake", seconds=20, after=5),
            Timing(name="launch", seconds=2, after=25),
            Timing(name="gate", seconds=28, after=27),
            Timing(name="test", seconds=40, after=25),
            Timing(name="retire", seconds=10, after=70),
        ]
    )
    bake, launch, gate, test, retire = bars(svg)

    def end(bar: dict[str, str]) -> float:
        return float(bar["x"]) + float(bar["width"])

    assert abs(end(bake) - float(launch["x"])) < 0.2
    assert launch["x"] == test["x"]
    assert end(gate) < end(test)
    assert abs(end(test) - float(retire["x"])) < 0.2
    assert words(svg)[-1] == "total 70.0 s"
