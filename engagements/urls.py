"""Addresses of the tracker and the previews; /demo/ has its own file."""

from django.urls import path

from engagements.inapp import preview
from engagements.tracker import views

urlpatterns = [
    path("t/", views.ingest, name="tracker-ingest"),
    path("journey.js", views.journey_js, name="journey-js"),
    path("journey/<slug:name>.js", views.renderer_js, name="journey-renderer"),
    path("engagements/frame/<slug:renderer>/", preview.frame, name="engagement-frame"),
]
