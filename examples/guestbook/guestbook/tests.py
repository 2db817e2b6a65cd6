from django.test import TestCase

from guestbook.management.commands.greet import greet
from guestbook.models import Entry


class Guests(TestCase):
    def test_up(self):
        self.assertEqual(self.client.get("/up").content, b"well\n")

    def test_a_guest_is_shown_and_greeted(self):
        self.client.post("/", {"name": "Ada & Bob"})
        self.assertContains(self.client.get("/"), "<li>Ada &amp; Bob</li>")
        self.assertEqual(greet(), 1)
        self.assertContains(self.client.get("/"), "Ada &amp; Bob &ndash; welcome")
        self.assertEqual(greet(), 0)

    def test_names_are_cut(self):
        self.client.post("/", {"name": "x" * 100})
        self.assertEqual(len(Entry.objects.get().name), 80)
