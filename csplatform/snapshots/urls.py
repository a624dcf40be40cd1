"""Addresses of the snapshot pages."""

from django.urls import path

from csplatform.snapshots import views

urlpatterns = [
    path("companies/<int:pk>/", views.company_page, name="company-snapshot"),
    path("companies/<int:pk>/timeline/", views.company_timeline, name="company-timeline"),
    path("people/<int:pk>/", views.person_page, name="person-snapshot"),
    path("people/<int:pk>/timeline/", views.person_timeline, name="person-timeline"),
]
