import re

from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, re_path
from django.views.static import serve

from guestbook.models import Entry


def up(request):
    """Well while the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return HttpResponse("well\n")


def guests(request):
    if request.method == "POST":
        Entry.objects.create(name=request.POST["name"][:80])
        return redirect("/")
    return render(request, "guests.html", {"entries": Entry.objects.order_by("-id")[:20]})


urlpatterns = [
    path("", guests),
    path("up", up),
    # A few small files: no server of their own is worth it here.
    re_path(
        rf"^{re.escape(settings.STATIC_URL.lstrip('/'))}(?P<path>.*)$",
        serve,
        {"document_root": settings.STATIC_ROOT},
    ),
]
