"""Tests of coupons, redemptions and dividends, and of what administrators do with actions."""
