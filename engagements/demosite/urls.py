"""Addresses of the demo product, below /demo/."""

from django.urls import path

from engagements.demosite import views

urlpatterns = [
    path("", views.front, name="demo"),
    path("sign-in/", views.sign_in, name="demo-sign-in"),
    path("sign-out/", views.sign_out, name="demo-sign-out"),
    path("<slug:name>/", views.page, name="demo-page"),
]
