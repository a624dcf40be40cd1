"""Addresses of the demo product."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
