"""What to change, from what a rehearsal has seen."""

from pathlib import PurePosixPath

import pytest

from rehearsal.advice import Advice, advise, folder_of
from rehearsal.seen import Life, Seen, Server
from rehearsal.traffic import Page
from spotkiln.bake.choices import Hardening
from tests.unit.rehearsal.subjects import APP, seen


def lines(found: list[Advice]) -> list[str]:
    return [one.lines for one in found if one.lines]


def refused(line: str) -> Seen:
    return seen(servers=(Server(instance="i-1", denied={"shop.service": (line,)}),))


def test_of_a_rehearsal_without_findings_there_is_nothing_to_change() -> None:
    assert advise(seen()) == []


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            "Errno::EROFS (Read-only file system @ rb_sysopen - /srv/shop/public/a/b.png)",
            "writable: [public]",
        ),
        (
            "Error: EROFS: read-only file system, mkdir '/srv/shop/.next/cache/images'",
            "writable: [.next/cache]",
        ),
        (
            "OSError: [Errno 30] Read-only file system: '/srv/shop/media/1.jpg'",
            "writable: [media]",
        ),
    ],
)
def test_a_folder_that_it_could_not_write_becomes_writable(line: str, wanted: str) -> None:
    assert lines(advise(refused(line))) == [wanted]


def test_folders_that_are_writable_already_stay_in_the_line() -> None:
    app = APP.model_copy(update={"writable": ("log",)})
    server = Server(
        instance="i-1", denied={"shop.service": ("EROFS: open '/srv/shop/media/x/1.jpg'",)}
    )
    assert lines(advise(seen(app=app, servers=(server,)))) == ["writable: [log, media]"]


def test_a_file_outside_of_the_application_is_told_without_a_line() -> None:
    (found,) = advise(refused("open /etc/shop.conf: Read-only file system"))
    assert found.lines == ""
    assert "/etc/shop.conf" in found.why


def test_a_refusal_of_another_kind_names_no_folder() -> None:
    assert advise(refused("connect() to /srv/shop/tmp/sock: Permission denied")) == []


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/srv/shop/tmp/cache/x", "tmp"),
        ("/srv/shop/tmp", "tmp"),
        ("/srv/shop/.next/cache/x", ".next/cache"),
        ("/srv/shop/.next", ""),
        ("/srv/shop/db.sqlite3", ""),
        ("/srv/other/tmp/x", ""),
    ],
)
def test_which_folder_a_path_is_in(path: str, folder: str) -> None:
    assert folder_of(path, PurePosixPath("/srv/shop")) == folder


def test_a_start_that_comes_close_to_its_limit_gets_a_longer_one() -> None:
    slow = Life(instance="i-1", start=0.7 * APP.start_seconds)
    quick = Life(instance="i-2", start=1.0)
    assert lines(advise(seen(lives=(quick, slow)))) == ["start_seconds: 190"]
    assert advise(seen(lives=(quick,))) == []


def test_a_stop_that_comes_close_to_its_limit_gets_a_longer_one() -> None:
    assert lines(advise(seen(stopped=0.9 * APP.stop_seconds))) == ["stop_seconds: 130"]
    assert advise(seen(stopped=1.0)) == []


def test_a_stop_that_was_cut_off_gets_a_longer_one() -> None:
    words = "shop.service: State 'stop-sigterm' timed out. Killing."
    server = Server(instance="i-1", said={"shop.service": (words,)})
    assert lines(advise(seen(stopped=5.0, servers=(server,)))) == ["stop_seconds: 10"]


def test_memory_beyond_the_smallest_default_type_names_larger_ones() -> None:
    (found,) = advise(seen(under_load={"shop.service": 900 * 1024, "shop-worker.service": 1024}))
    assert found.file == "prefect.yaml"
    assert "t3.small" in found.lines
    assert advise(seen(under_load={"shop.service": 300 * 1024})) == []


def test_settings_that_it_is_given_are_to_be_required() -> None:
    assert lines(advise(seen(given=("SECRET", "DATABASE_URL")))) == [
        "config: [DATABASE_URL, SECRET]"
    ]
    app = APP.model_copy(update={"config": ("DATABASE_URL", "SECRET")})
    assert advise(seen(app=app, given=("SECRET", "DATABASE_URL"))) == []


def test_a_health_path_that_asks_a_service_is_told() -> None:
    (found,) = advise(seen(sick_without=("postgresql",)))
    assert "postgresql" in found.why
    assert found.lines.startswith("health_path:")


def test_what_is_not_there_for_a_page_is_told() -> None:
    page = Page(path="/", status=200, assets=("/a.css",), absent=("/a.css",))
    (found,) = advise(seen(pages=(page,)))
    assert "/a.css" in found.why


def test_a_page_that_visitors_are_led_to_is_to_be_asked_for() -> None:
    page = Page(path="/", status=302, to="/login")
    assert lines(advise(seen(pages=(page, Page(path="/login", status=200))))) == [
        "smoke: [/, /login]"
    ]
    app = APP.model_copy(update={"smoke": ("/", "/login")})
    assert advise(seen(app=app, pages=(page,))) == []


@pytest.mark.parametrize(
    ("asset", "told"),
    [
        # Propshaft, Sprockets, Django's manifest storage, django-compressor, Vite.
        ("/assets/application-9f3ab2c1.css", True),
        ("/assets/app-0bafd97f3bdd0dcb44ca0c6ea7d106be0bafd97f3bdd0dcb44ca0c6ea7d106be.js", True),
        ("/static/base.5e8040571655.css", True),
        ("/static/CACHE/css/output.27d7e5e5cab9.css?v=1", True),
        ("/assets/index-D3wrgT1a.js", True),
        # Of these both versions have one.
        ("/assets/jquery-3.7.1-ui-1.13.3.js", False),
        ("/static/app-settings.js", False),
        ("/pad.css?v=3ccd26df", False),
        ("/stylesheets/application.css", False),
    ],
)
def test_files_that_one_version_alone_has_are_told(asset: str, *, told: bool) -> None:
    found = advise(seen(pages=(Page(path="/", status=200, assets=(asset,)),)))
    assert [asset.partition("?")[0] in one.why for one in found] == ([True] if told else [])


def test_the_lowest_level_of_hardening_is_questioned_only_if_nothing_was_refused() -> None:
    app = APP.model_copy(update={"hardening": Hardening.BASIC})
    assert lines(advise(seen(app=app))) == ["hardening: standard"]
    server = Server(instance="i-1", denied={"shop.service": ("EACCES",)})
    assert advise(seen(app=app, servers=(server,))) == []
