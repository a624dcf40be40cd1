"""The admin's look and its shared parts: site, base ModelAdmin, navigation, widgets.

Every admin module may import it; it imports kit alone. Promise: no page breaks out of the look,
and every change made in it leaves an audit entry.
"""
