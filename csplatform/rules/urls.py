"""Addresses of the rule builder's questions, below /admin/rules/."""

from django.urls import path

from csplatform.rules import views

app_name = "rules"
urlpatterns = [
    path("describe", views.describe_view, name="describe"),
    path("suggest", views.suggest_view, name="suggest"),
    path("find", views.find_view, name="find"),
    path("explain", views.explain_view, name="explain"),
    path("preview", views.preview_view, name="preview"),
]
