"""Diagnosis: why an application does not serve, and what to change, in words."""

from spotkiln.noun import Noun

DETAIL_CHARACTERS = 300


class Diagnosis(Noun):
    """`summary` names the cause in one sentence, `detail` is what shows it, `resolution` what to
    change."""

    summary: str
    detail: str = ""
    resolution: str

    def __str__(self) -> str:
        return self.beside("")

    def beside(self, told: str) -> str:
        """In words, without what the words before have told already."""
        new = self.detail and self.detail not in told
        return f"{self.summary}{f' ({self.detail})' if new else ''}. {self.resolution}"
