from django.db import models


class Entry(models.Model):
    """`greeted` once the worker has seen it."""

    name = models.CharField(max_length=80)
    greeted = models.BooleanField(default=False)
