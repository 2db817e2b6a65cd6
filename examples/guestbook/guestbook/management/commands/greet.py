"""Greets who has signed the book, until it is told to end; then it finishes the one at hand."""

import signal
import threading

from django.core.management.base import BaseCommand
from django.db import OperationalError, connection

from guestbook.models import Entry

LOOK_SECONDS = 1.0


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        ends = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ends.set())
        self.stdout.write("greeting")
        while not ends.wait(LOOK_SECONDS):
            try:
                greet()
            except OperationalError as error:
                # The database is away: it is asked again on a connection of its own.
                self.stderr.write(f"no database: {error}")
                connection.close()
        self.stdout.write("ended")


def greet():
    """How many were greeted."""
    return Entry.objects.filter(greeted=False).update(greeted=True)
