"""What every REST door shares: routes, base viewset, keys, permissions, paging, filters, errors.

Rooms above accounts import it in their api, filters and registrations modules and register their
viewsets in `routes`; it knows none of them. Promise: no view without a permission, one error
shape with code, path and sentence, and bad input is a 4xx, never a 500.
"""
