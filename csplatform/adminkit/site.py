"""Our admin site: home page, search over everything, tabs from the registry."""

import time
from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite

from csplatform.adminkit.home import home_context
from csplatform.adminkit.navigation import sidebar, tab_sets

PER_MODEL = 6
MIN_TERM = 2


class ConsoleSite(UnfoldAdminSite):
    """The console in which CS admins work."""

    index_title = "Home"
    index_template = "admin/home.html"

    def _get_config(self, key: str, *args: Any) -> Any:
        """Tabs come from our registry: rooms bring their own, settings know none."""
        return list(tab_sets) if key == "TABS" else super()._get_config(key, *args)

    def get_tabs_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Only tabs that lead somewhere: of a set without any the theme draws an empty bar."""
        sets = super().get_tabs_list(request)
        for tabs in sets:
            tabs["items"] = [item for item in tabs["items"] if item["has_permission"]]
        return sets

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff only."""
        return request.user.is_active and getattr(request.user, "is_staff", False)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """What is going on."""
        return super().index(request, {**home_context(request), **(extra_context or {})})

    def search(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The command palette: pages first, then the first few of each kind of thing.

        Not the theme's own search: that one loads every match and keeps answers for minutes.
        """
        started = time.perf_counter()
        term = request.GET.get("s", "").strip()
        results = []
        if len(term) >= MIN_TERM:
            results = list(self._pages(request, term))
            if "extended" in request.GET:
                results += self._things(request, term)
        extended = "extended" in request.GET
        template = "command_results" if extended else "search_results"
        paginator = Paginator(results, 200)
        context = {
            "page_obj": paginator,
            "results": paginator.page(1),
            "page_counter": 0,
            "execution_time": time.perf_counter() - started,
            "command_show_history": False,
        }
        return TemplateResponse(
            request, f"unfold/helpers/{template}.html", context, headers={"HX-Trigger": "search"}
        )

    def _pages(self, request: HttpRequest, term: str) -> Iterator[SearchResult]:
        """Entries of the user's own sidebar."""
        for group in sidebar(request):
            for item in group["items"]:
                if term.lower() in item["title"].lower():
                    yield SearchResult(
                        title=item["title"],
                        description=group["title"],
                        link=item["link"],
                        icon=item["icon"],
                    )

    def _things(self, request: HttpRequest, term: str) -> Iterator[SearchResult]:
        """The first matches of every kind that the user may see and that can be searched."""
        for model, model_admin in self._registry.items():
            if not getattr(model_admin, "in_palette", True):
                continue
            if not model_admin.get_search_fields(request):
                continue
            if not model_admin.has_view_permission(request):
                continue
            for item in self._matches(model_admin, request, term):
                yield SearchResult(
                    title=str(item),
                    description=str(model._meta.verbose_name),
                    link=self._link(model_admin, item),
                    icon=getattr(model_admin, "icon", "data_object"),
                )

    def _matches(self, model_admin: ModelAdmin, request: HttpRequest, term: str) -> list[Any]:
        found, _ = model_admin.get_search_results(request, model_admin.get_queryset(request), term)
        return list(found[:PER_MODEL])

    def _link(self, model_admin: ModelAdmin, item: Any) -> str:
        """The page that tells most about a thing."""
        if hasattr(model_admin, "page_of"):
            return str(model_admin.page_of(item))
        return f"{self._index_url()}{item._meta.app_label}/{item._meta.model_name}/{item.pk}/"

    def _index_url(self) -> str:
        return "/admin/"
