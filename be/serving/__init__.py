"""How an ASGI server meets Django: the HTTP handler, its thread pool, proxies, files; no view."""
