VERSION = (0, 1, 0)
BUILT = 63158400  # 2026-01-01, s since 2024-01-01 UTC: no clock is right that says less
