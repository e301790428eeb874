"""Corporate actions: coupons and redemptions of bonds, cash dividends and splits; no HTTP."""
