"""The admin's look and its menu, for django-unfold: be/desk/site.py and be/desk/menu.py."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "BrokerPro",
    "SITE_HEADER": "BrokerPro",
    "SITE_SYMBOL": "candlestick_chart",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "href": "/static/brokerpro/logo.svg"}],
    "SIDEBAR": {"show_search": True, "navigation": "be.desk.menu.groups"},
}
