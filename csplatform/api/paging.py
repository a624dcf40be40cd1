"""Cursor paging: stable under inserts, the same cost on every page."""

from rest_framework.pagination import CursorPagination


class CursorPaging(CursorPagination):
    """Newest first by id; `?page_size=` up to 500."""

    ordering = "-id"
    page_size_query_param = "page_size"
    max_page_size = 500
