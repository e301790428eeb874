"""Between the ASGI server and Django: HTTP handler, thread pool, proxies, static files; no view."""
