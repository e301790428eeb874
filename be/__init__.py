"""The roof: settings, urls, the ASGI application and how the parts are put together; no rule of
a brokerage.
"""
