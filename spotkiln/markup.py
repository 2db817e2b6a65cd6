"""Words of others in markdown: a commit's subject, a test's name, a person's comment, a console.

They are shown as they are and do nothing: no link, no image, no heading, no HTML.
"""

import re
from collections.abc import Iterable, Sequence

# Colours and titles that programs send to a terminal.
TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# What nobody sees: other control characters (Postgres stores no NUL), and those that turn the
# direction of writing, so that a text reads as another one.
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# A blank that markdown neither joins with others nor takes for a line's inset.
BLANK = "\u00a0"
HALVES = re.compile(r"[\ud800-\udfff]")


def visible(text: str) -> str:
    """Only what can be seen, with tabs and line ends; half of a character becomes the replacement
    character, for no database takes it."""
    text = TERMINAL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return HALVES.sub("\ufffd", UNSEEN.sub("", text))


def plain(text: str) -> str:
    """Words in one line, without any markup of their own."""
    words = " ".join(visible(text).split())
    # An underline inside a word, as names of tests have, does nothing by itself.
    words = re.sub(r"([\\`*~\[\]<>&]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", words)
    # What at the beginning of a line makes a heading, a list or a rule.
    return re.sub(r"^(\d*)([#+=.)-])", r"\1\\\2", words)


def harmless(text: str) -> str:
    """Words for where Prefect's two interfaces differ: the older takes a table's cells for
    markdown, the newer shows each backslash. A blank takes links, images and HTML apart."""
    words = " ".join(visible(text).split())
    return re.sub(r"<(?=[A-Za-z/!?])", "< ", re.sub(r"\](?=[(\[:])", "] ", words))


def fenced(text: str) -> str:
    """A code block that its content cannot end."""
    text = visible(text)
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"


def quoted(text: str) -> str:
    """Words line by line, as a quotation: it stands out, and is wrapped where a page is narrow."""
    lines = (" ".join(one.split()) for one in visible(text).strip("\n").splitlines())
    return "> " + "  \n> ".join(plain(one) or BLANK for one in [*lines] or [""])


def typed(text: str) -> str:
    """What a machine or a program has said, line by line, in its letters. Unlike a code block it is
    wrapped where a page is narrow. Insets stay: they tell what belongs to what."""

    def line(words: str) -> str:
        told = words.expandtabs(4).rstrip()
        inset = BLANK * (len(told) - len(told.lstrip(" ")))
        shown = inset + " ".join(told.split()) or BLANK
        ticks = "`" * (1 + max((len(one) for one in re.findall("`+", shown)), default=0))
        # Beside a tick of its own it needs a blank, which is not shown.
        room = " " if "`" in (shown[0], shown[-1]) else ""
        return f"{ticks}{room}{shown}{room}{ticks}"

    # Two blanks at its end keep a line from being joined with the next.
    return "  \n".join(line(one) for one in visible(text).strip("\n").splitlines() or [""])


def listed(facts: Iterable[tuple[str, str]]) -> str:
    """Facts by name, a line each. A table would need a header, and a narrow page has no room for
    one."""
    return "\n".join(f"- **{name}**: {fact}" for name, fact in facts)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table; pipes and line breaks in cells are made harmless."""

    def line(cells: Iterable[object]) -> str:
        texts = (" ".join(str(cell).replace("|", "\\|").splitlines()) for cell in cells)
        return f"| {' | '.join(texts)} |"

    return "\n".join([line(header), line("---" for _ in header), *(line(row) for row in rows)])
