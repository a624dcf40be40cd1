"""Addresses of the snapshot pages."""

from django.urls import path

from csplatform.snapshots import book_views, share_views, views

urlpatterns = [
    path("work/book/", book_views.book_page, name="book"),
    path("work/book/book.csv", book_views.book_file, name="book-file"),
    path("companies/<int:pk>/", views.company_page, name="company-snapshot"),
    path("companies/<int:pk>/timeline/", views.company_timeline, name="company-timeline"),
    path("companies/<int:pk>/share/", share_views.share_page, name="company-share"),
    path("companies/<int:pk>/share/revoke/", share_views.revoke, name="company-share-revoke"),
    path("share/<str:token>/", share_views.shared_page, name="shared-snapshot"),
    path("people/<int:pk>/", views.person_page, name="person-snapshot"),
    path("people/<int:pk>/timeline/", views.person_timeline, name="person-timeline"),
]
