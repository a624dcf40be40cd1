"""Public addresses of journeys."""

from django.urls import URLPattern, path

from journeys.consent.views import PreferencesView
from journeys.emails.mailbox import mail_html, mailbox
from journeys.emails.tracking_views import click, opened

urlpatterns: list[URLPattern] = [
    path("e/c/<str:token>/", click, name="email-click"),
    path("e/o/<str:token>.gif", opened, name="email-open"),
    path("u/<str:token>/", PreferencesView.as_view(), name="mail-preferences"),
    path("mail/", mailbox, name="mailbox"),
    path("mail/<int:mail_id>/", mailbox, name="mailbox-mail"),
    path("mail/<int:mail_id>/html/", mail_html, name="mailbox-html"),
]
