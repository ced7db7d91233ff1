"""A check's result as a page of its own, and as a piece of one for a notebook."""

from parity.reports.html.render import error_page, fragment, page, read_source, write_page

__all__ = ["error_page", "fragment", "page", "read_source", "write_page"]
