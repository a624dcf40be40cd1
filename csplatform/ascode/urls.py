"""Addresses of exports and of the import page, below /admin/config/."""

from django.contrib import admin
from django.urls import path

from csplatform.ascode import pages

app_name = "ascode"
urlpatterns = [
    path("import/", admin.site.admin_view(pages.import_page), name="import"),
    path(
        "export/<slug:kind>/<int:object_id>/",
        admin.site.admin_view(pages.export_page),
        name="export",
    ),
]
