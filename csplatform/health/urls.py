"""Addresses of health."""

from django.urls import path

from csplatform.health.views import pulse

urlpatterns = [path("companies/<int:pk>/pulse/", pulse, name="health-pulse")]
