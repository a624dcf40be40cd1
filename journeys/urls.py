"""Addresses of journeys outside the admin: public ones, and the work list."""

from django.urls import URLPattern, path

from journeys.consent.views import PreferencesView
from journeys.emails.mailbox import mail_html, mailbox
from journeys.emails.tracking_views import click, opened
from journeys.worklist import doors
from journeys.worklist import views as work

urlpatterns: list[URLPattern] = [
    path("e/c/<str:token>/", click, name="email-click"),
    path("e/o/<str:token>.gif", opened, name="email-open"),
    path("u/<str:token>/", PreferencesView.as_view(), name="mail-preferences"),
    path("work/", work.work_page, name="work"),
    path("work/list/", work.work_rows, name="work-rows"),
    path("work/act/", work.work_act, name="work-act"),
    path("work/new/", work.work_new, name="work-new"),
    path("work/subjects/", work.work_subjects, name="work-subjects"),
    path("work/tasks/<int:pk>/", work.work_task, name="work-task"),
    path("work/tasks/<int:pk>/close/", doors.close, name="work-close"),
    path("work/companies/<int:pk>/hand-over/", doors.take_over, name="work-hand-over"),
    path("work/playbooks/<str:subject>/<int:pk>/", doors.assign, name="work-assign"),
    path("work/runs/<int:pk>/stop/", doors.stop, name="work-stop"),
    path("mail/", mailbox, name="mailbox"),
    path("mail/<int:mail_id>/", mailbox, name="mailbox-mail"),
    path("mail/<int:mail_id>/html/", mail_html, name="mailbox-html"),
]
